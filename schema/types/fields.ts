import * as v from 'valibot';
import { quoted } from '#base/errors/quoted';
import { type Decoder, type Finding, fieldStep, MAX_FINDINGS, readAt } from './decoder.ts';

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

/** How deep a part of a document that we do not know may be nested, so that it can be written again. */
const MAX_DEPTH = 200;

/**
 * An object with these fields. As Go's decoder does, it takes a field's name in
 * any case, and null as absent; other than it, it refuses a field that is given
 * twice in different cases. Fields that are not known are kept as they are.
 */
export function objectOf<Output extends object>(shape: ObjectShape<Output>): Decoder<Output> {
  const table = tableOf(shape as unknown as ObjectShape<Record<string, unknown>>);

  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, Output>(({ dataset, addIssue, NEVER }) => {
      const input = dataset.value;
      if (!isObject(input)) {
        addIssue({ message: 'must be an object' });
        return NEVER;
      }

      const output: [string, unknown][] = [];
      for (const { path, message } of readFields(table, input, output)) addIssue({ path, message });

      return Object.fromEntries(output) as Output;
    }),
  );
}

interface Table {
  /** What each field is called, by its name without its case. */
  readonly names: ReadonlyMap<string, string>;
  readonly decoders: ReadonlyMap<string, Decoder<unknown>>;
  readonly required: readonly string[];
  readonly nullable: ReadonlySet<string>;
}

function tableOf(shape: ObjectShape<Record<string, unknown>>): Table {
  return {
    names: new Map(Object.keys(shape.fields).map((name) => [fold(name), name])),
    decoders: new Map(Object.entries(shape.fields)),
    required: Object.keys(shape.required),
    nullable: new Set(shape.nullable),
  };
}

/** Reads every field of `input` into `output` and gives what is wrong. */
function readFields(
  table: Table,
  input: Record<string, unknown>,
  output: [string, unknown][],
): readonly Finding[] {
  const findings: Finding[] = [];
  const given = new Set<string>();
  const absent = new Set(table.required);

  for (const [key, value] of Object.entries(input)) {
    if (findings.length >= MAX_FINDINGS) return findings;

    const name = table.names.get(fold(key));
    const again = name !== undefined && given.has(name);
    if (name !== undefined) given.add(name);
    if (again) {
      const message = `is given twice, as ${quoted(key)} too`;
      findings.push({ message, path: [fieldStep(input, name)] });
      continue;
    }
    if (name !== undefined && isAbsent(value, table.nullable.has(name))) continue;
    if (name !== undefined) absent.delete(name);

    const decoder = name === undefined ? anyJson : table.decoders.get(name);
    if (decoder === undefined) throw new Error(`no decoder for ${key}`);
    const result = readAt(decoder, value, fieldStep(input, key));
    if (result.findings !== undefined) findings.push(...result.findings);
    else if (result.output !== undefined) output.push([name ?? key, result.output]);
  }
  for (const name of absent) {
    findings.push({ message: 'is required', path: [fieldStep(input, name)] });
  }

  return findings;
}

function isAbsent(value: unknown, nullable: boolean): boolean {
  return value === undefined || (value === null && !nullable);
}

/** A part of a document of which nothing is known: kept, unless it is nested so deeply that it could not be written again. */
export const anyJson: Decoder<unknown> = v.pipe(
  v.unknown(),
  v.check((value) => !isDeeperThan(value, MAX_DEPTH), 'is nested too deeply'),
);

/** Whether a value has more than so many levels. */
function isDeeperThan(value: unknown, levels: number): boolean {
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
