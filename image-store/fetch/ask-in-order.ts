import { GantryError, isGantryError } from '#base/errors/gantry-error';

/** Something that one of several places may have. */
export interface Question<Place, Answer> {
  /** It, as errors name it. */
  readonly what: string;
  /** In the order in which they are asked; at least one. */
  readonly places: readonly Place[];
  readonly ask: (place: Place) => Promise<Answer>;
  /** Whether an answer makes it needless to ask the next; so of every one unless told. */
  readonly isEnough?: (answer: Answer) => boolean;
  /** Whether the next place may do better than the one that failed; so where nothing could be fetched, unless told. */
  readonly mayGoOn?: (error: unknown) => boolean;
  /** Told of every failure that another place may make good. */
  readonly tell?: (place: Place, error: GantryError) => void;
}

/**
 * Asks one place after the other.
 * @returns the first answer that is enough, else the last there was
 * @throws GantryError where none answered what the last one threw, which tells of the others too
 */
export async function askInOrder<Place, Answer>({
  what,
  places,
  ask,
  isEnough = () => true,
  mayGoOn = isUnfetched,
  tell = () => {},
}: Question<Place, Answer>): Promise<Answer> {
  const failures: GantryError[] = [];
  let poor: { readonly answer: Answer } | undefined;
  for (const place of places) {
    try {
      const answer = await ask(place);
      if (isEnough(answer)) return answer;
      poor = { answer };
    } catch (error) {
      if (!isGantryError(error) || !mayGoOn(error)) throw error;
      failures.push(error);
      tell(place, error);
    }
  }
  if (poor !== undefined) return poor.answer;

  throw noneWorks(what, failures);
}

/** Whether a server did not give what it was asked for. */
export function isUnfetched(error: unknown): boolean {
  return (
    isGantryError(error) && error.code.startsWith('FETCH_') && error.code !== 'FETCH_CANCELLED'
  );
}

/** The error of something that none of its places gave: what the last of at least one said, with what the others said. */
export function noneWorks(what: string, failures: readonly GantryError[]): GantryError {
  const last = failures.at(-1);
  if (last === undefined) throw new Error(`nobody to ask for ${what}`);
  if (failures.length === 1) return last;

  const states = failures.map(({ message }) => message).join('; ');
  return new GantryError(last.code, `cannot fetch ${what} from any of its places: ${states}`, {
    hint: last.hint,
    cause: last,
  });
}
