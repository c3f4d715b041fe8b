/** One way that a server names to prove who one is: RFC 9110, section 11.6.1. */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** By their names in lower case. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** Longer headers are no challenges. */
const MAX_LENGTH = 16_384;

const SPACE = /[ \t,]*/y;
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const EQUALS = /[ \t]*=[ \t]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
/** What some schemes have in place of parameters, which none of ours is. */
const TOKEN68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/** The challenges of a `WWW-Authenticate` header; none where it cannot be read. */
export function parseChallenges(header: string | null): readonly Challenge[] {
  if (header === null || header.length > MAX_LENGTH) return [];
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(header);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };

  for (;;) {
    take(SPACE);
    if (at === header.length) return challenges;
    const word = take(TOKEN)?.[0].toLowerCase();
    if (word === undefined) return [];
    const current = challenges.at(-1);
    if (take(EQUALS) === null || current === undefined) {
      challenges.push({ scheme: word, parameters: new Map() });
      take(SPACE);
      take(TOKEN68);
      continue;
    }
    const value = take(QUOTED)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? take(TOKEN)?.[0];
    if (value === undefined || current.parameters.has(word)) return [];
    current.parameters.set(word, value);
  }
}
