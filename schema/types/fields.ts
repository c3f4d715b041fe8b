import * as v from 'valibot';
import { quoted } from './quoted.ts';

/** A schema for something of which nothing is known yet. */
export type Decoder<Output> = v.GenericSchema<unknown, Output>;

type RequiredKeys<Output> = {
  [Key in keyof Output]-?: undefined extends Output[Key] ? never : Key;
}[keyof Output];

/** An object of a document, field by field. */
export interface ObjectShape<Output> {
  readonly fields: {
    readonly [Key in keyof Output]-?: Decoder<Exclude<Output[Key], undefined> | undefined>;
  };
  /** Every field that must be there. */
  readonly required: { readonly [Key in RequiredKeys<Output>]: true } & {
    readonly [Key in keyof Output]?: true;
  };
  /** Fields in which null is a value; elsewhere null means absent, as in Go. */
  readonly nullable?: readonly (keyof Output)[];
}

type Reporter = v.RawTransformContext<unknown>['addIssue'];

/** How deep a part of a document that we do not know may be nested, so that it can be written again. */
const MAX_DEPTH = 200;

/**
 * An object with these fields. As Go's decoder does, it takes a field's name in
 * any case, and null as absent; other than it, it refuses a field that is given
 * twice in different cases. Fields that are not known are kept as they are.
 */
export function objectOf<Output extends object>(shape: ObjectShape<Output>): Decoder<Output> {
  const names = new Map<string, string>();
  for (const name of Object.keys(shape.fields)) names.set(fold(name), name);
  const decoders = shape.fields as Readonly<Record<string, Decoder<unknown>>>;
  const nullable = new Set<string>((shape.nullable ?? []) as readonly string[]);
  const required = Object.keys(shape.required);

  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, Output>(({ dataset, addIssue, NEVER }) => {
      const input = dataset.value;
      if (!isObject(input)) {
        addIssue({ message: 'must be an object' });
        return NEVER;
      }

      const seen = new Set<string>();
      const output: [string, unknown][] = [];
      for (const [key, value] of Object.entries(input)) {
        const name = names.get(fold(key));
        if (name === undefined) {
          keepUnknown({ input, key, value, output, addIssue });
        } else if (seen.has(name)) {
          addIssue({ message: `is given twice, as ${quoted(key)} too`, path: [step(input, name)] });
        } else if (value !== undefined && (value !== null || nullable.has(name))) {
          seen.add(name);
          decodeField({ input, key, name, value, decoder: decoders[name], output, addIssue });
        }
      }
      for (const name of required) {
        if (!seen.has(name)) addIssue({ message: 'is required', path: [step(input, name)] });
      }

      return Object.fromEntries(output) as Output;
    }),
  );
}

interface Field {
  readonly input: Record<string, unknown>;
  readonly key: string;
  readonly value: unknown;
  readonly output: [string, unknown][];
  readonly addIssue: Reporter;
}

function decodeField(
  field: Field & { readonly name: string; readonly decoder: Decoder<unknown> | undefined },
): void {
  if (field.decoder === undefined) throw new Error(`no decoder for ${field.name}`);

  const result = v.safeParse(field.decoder, field.value, { abortPipeEarly: true });
  if (result.success) {
    if (result.output !== undefined) field.output.push([field.name, result.output]);
    return;
  }
  for (const { message, path } of result.issues) {
    field.addIssue({ message, path: [step(field.input, field.key), ...(path ?? [])] });
  }
}

function keepUnknown({ input, key, value, output, addIssue }: Field): void {
  if (isDeeperThan(value, MAX_DEPTH)) {
    addIssue({ message: 'is nested too deeply', path: [step(input, key)] });
  } else {
    output.push([key, value]);
  }
}

/** Whether a value has more than so many levels. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;

  return Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

/** Whether a value is an object of a document: not null and not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field's name without its case, the way Go's decoder compares: the long s is an s and the Kelvin sign a k. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}

/** One step of the path in an error. */
function step(input: Record<string, unknown>, key: string): v.ObjectPathItem {
  return { type: 'object', origin: 'value', input, key, value: input[key] };
}
