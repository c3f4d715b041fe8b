import { parseArgs } from 'node:util';
import { unknownWord, usageError } from './usage-error.ts';

/**
 * How a flag takes its value, as rkt's flag library has it:
 * `flag` stands alone or has `=true`, `=false`; `value` takes `=V` or the next
 * word; `optional` takes only `=V` and means its `bare` value without. The
 * plural kinds may be given several times.
 */
export type OptionKind = 'flag' | 'value' | 'values' | 'optional' | 'optionals';

/** One flag of a command; the key of the record it stands in is its name. */
export interface OptionSpec {
  readonly kind: OptionKind;
  readonly summary: string;
  /** Its other name, one letter: `o` for `-o`. */
  readonly short?: string;
  /** The name of the value in help texts. */
  readonly value?: string;
  /** What an `optional` one means without a value. */
  readonly bare?: string;
  /** The default, as help shows it. */
  readonly fallback?: string;
  /** The words that it takes, or of which it takes a comma list, where `value` does not list them. */
  readonly choices?: readonly string[];
  /** Left out of help. */
  readonly hidden?: boolean;
  /** Given several times it is refused where it is read, with words of its own; help must not offer it. */
  readonly single?: boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

type ValueOf<Kind extends OptionKind> = Kind extends 'flag'
  ? boolean | undefined
  : Kind extends 'values' | 'optionals'
    ? readonly string[]
    : string | undefined;

/** What was given, typed from the declaration, so that a flag that is not declared cannot be read. */
export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]: ValueOf<Specs[Name]['kind']>;
};

/** A flag as it was typed. A `flag` has the value `true` or `false`. */
export interface OptionToken {
  readonly kind: 'option';
  readonly name: string;
  readonly value: string;
}

/** A word that is neither a flag nor its value. `index` is its place in the arguments. */
export interface WordToken {
  readonly kind: 'word';
  readonly text: string;
  readonly index: number;
}

/** A lone `--`. `index` is its place in the arguments. */
export interface TerminatorToken {
  readonly kind: 'terminator';
  readonly index: number;
}

export type Token = OptionToken | WordToken | TerminatorToken;

/**
 * Cuts arguments into flags and words, one at a time; they may be mixed. Ends
 * with a lone `--`: what follows belongs to the caller. Node's own parser does
 * it: it takes what rkt's flags take, and is there without being loaded.
 * @throws GantryError BAD_USAGE, when it comes to a flag that is not declared or lacks its value
 */
export function* tokenize(args: readonly string[], specs: OptionSpecs): Generator<Token> {
  const { tokens } = parseArgs({
    args: [...args],
    options: parserOptions(specs),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });

  for (const token of tokens) {
    if (token.kind === 'option-terminator') {
      yield { kind: 'terminator', index: token.index };
      return;
    }
    if (token.kind === 'positional') {
      yield { kind: 'word', text: token.value, index: token.index };
    } else if (token.rawName !== '---') {
      yield optionToken(token, specs);
    }
  }
}

interface ParsedOption {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
}

function parserOptions(
  specs: OptionSpecs,
): Record<string, { type: 'string' | 'boolean'; short?: string }> {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {};
  for (const [name, spec] of Object.entries(specs)) {
    const type = takesNextWord(spec) ? 'string' : 'boolean';
    options[name] = spec.short === undefined ? { type } : { type, short: spec.short };
  }

  return options;
}

function optionToken({ name, rawName, value }: ParsedOption, specs: OptionSpecs): OptionToken {
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined || ![`--${name}`, `-${spec.short ?? ''}`].includes(rawName)) {
    throw unknownWord('flag', rawName, candidates(specs));
  }

  if (spec.kind === 'flag') {
    return { kind: 'option', name, value: String(parseBoolean(value ?? 'true', rawName)) };
  }
  const given = takesNextWord(spec) ? value : (value ?? spec.bare ?? 'true');
  if (given === undefined) throw usageError(`flag ${rawName} needs a value`);

  return { kind: 'option', name, value: given };
}

/** Whether a flag without `=` has its value in the next word. */
export function takesNextWord({ kind }: OptionSpec): boolean {
  return kind === 'value' || kind === 'values';
}

function candidates(specs: OptionSpecs): readonly string[] {
  return Object.entries(specs)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name]) => `--${name}`);
}

const TRUE = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const FALSE = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

/**
 * Reads a truth value as Go's strconv.ParseBool does, which is what unit files
 * written for rkt hold.
 * @param what what it is the value of, for the error
 * @throws GantryError BAD_USAGE
 */
export function parseBoolean(text: string, what: string): boolean {
  if (TRUE.includes(text)) return true;
  if (FALSE.includes(text)) return false;

  throw usageError(`cannot read "${text}" as the value of ${what}: it is either true or false`);
}

/** Gathers flags by name; of a flag that is not plural the last one counts. */
export function optionValues<const Specs extends OptionSpecs>(
  tokens: readonly OptionToken[],
  specs: Specs,
): OptionValues<Specs> {
  const values: Record<string, boolean | string | readonly string[] | undefined> = {};
  for (const [name, { kind }] of Object.entries(specs)) {
    const given = tokens.filter((token) => token.name === name).map(({ value }) => value);
    const last = given.at(-1);
    if (kind === 'values' || kind === 'optionals') values[name] = given;
    else if (kind === 'flag') values[name] = last === undefined ? undefined : last === 'true';
    else values[name] = last;
  }

  return values as OptionValues<Specs>;
}
