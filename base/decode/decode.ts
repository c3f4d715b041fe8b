import * as v from 'valibot';
import { GantryError } from '../errors/gantry-error.ts';
import { quoted } from '../errors/quoted.ts';

/** Where an untrusted document came from and how big it may be. */
export interface DecodeOptions {
  /** Named in errors: `image manifest`, `/etc/gantry/auth.d/a.json`, … */
  readonly what: string;
  /** The code of the error that is thrown. */
  readonly code: string;
  readonly hint?: string | undefined;
}

/**
 * Parses untrusted JSON text and checks it against a schema.
 * @throws GantryError with `options.code`; the message names the path inside the document
 */
export function decodeJson<Schema extends v.GenericSchema>(
  schema: Schema,
  text: string,
  options: DecodeOptions,
): v.InferOutput<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new GantryError(options.code, `cannot read ${options.what}: not JSON`, {
      cause,
      hint: options.hint,
    });
  }

  return decodeValue(schema, value, options);
}

/**
 * Checks an untrusted value against a schema.
 * @throws GantryError with `options.code`; the message names the path inside the document
 */
export function decodeValue<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  options: DecodeOptions,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortPipeEarly: true });
  if (result.success) return result.output;

  const issues = result.issues
    .slice(0, 5)
    .map((issue) => `${keyPath((issue.path ?? []).map(({ key }) => key))}: ${issue.message}`);
  throw new GantryError(options.code, `cannot read ${options.what}: ${issues.join('; ')}`, {
    hint: options.hint,
  });
}

/** A key that is shown as it is; any other is shown in quotes. */
const PLAIN_KEY = /^[\w$-]{1,80}$/;

/** The way to a value inside a document, as one would write it in JavaScript: `app.ports[2].port`. */
export function keyPath(keys: readonly unknown[]): string {
  let path = '';
  for (const key of keys) {
    if (typeof key === 'number') path += `[${key}]`;
    else if (!PLAIN_KEY.test(String(key))) path += `[${quoted(String(key))}]`;
    else path += path === '' ? String(key) : `.${String(key)}`;
  }

  return path === '' ? '(document)' : path;
}
