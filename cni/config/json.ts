import { GantryError } from '#base/errors/gantry-error';

/** A JSON object of which nothing is known but that it is one. */
export type JsonObject = { readonly [key: string]: unknown };

/** Whether a value is a JSON object: no list, not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A number that was too large to be kept, as it was written. */
interface RawNumber {
  readonly rawJSON: string;
}

// Not yet among the compiler's own declarations.
interface LosslessJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): RawNumber;
}

const lossless = JSON as unknown as LosslessJson;

/**
 * Parses a JSON document whose unknown fields are to be handed on unchanged: a
 * whole number beyond what a double holds exactly is kept as it was written.
 * @throws SyntaxError when it is none, RangeError when it is nested too deeply
 */
export function parseJson(text: string): unknown {
  return lossless.parse(text, (_key, value, { source }) => {
    if (typeof value !== 'number' || source === undefined || isKept(value)) return value;

    return lossless.rawJSON(source);
  });
}

function isKept(value: number): boolean {
  return Number.isSafeInteger(value) || (Number.isFinite(value) && value % 1 !== 0);
}

/**
 * Parses a JSON document that has to be an object.
 * @param what names it in the error: `the network configuration "…"`
 * @throws GantryError with `code`
 */
export function parseJsonObject(text: string, what: string, code: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    const reason = cause instanceof RangeError ? 'nested too deeply' : 'not JSON';
    throw new GantryError(code, `cannot read ${what}: ${reason}`, { cause });
  }
  if (isJsonObject(value)) return value;

  throw new GantryError(code, `cannot read ${what}: not a JSON object`);
}
