import * as v from 'valibot';
import { quoted } from '#base/errors/quoted';
import { type Decoder, type DecoderConfig, decoderOf, fieldStep } from './decoder.ts';

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
  /** Fields without which the rest cannot be judged: what is wrong with them hides everything else. */
  readonly decisive?: readonly (keyof Output)[];
}

/**
 * An object with these fields. As Go's decoder does, it takes a field's name in
 * any case, and null as absent; other than it, it refuses a field that is given
 * twice in different cases. Fields that are not known are kept as they are.
 */
export function objectOf<Output extends object>(shape: ObjectShape<Output>): Decoder<Output> {
  const table = tableOf(shape as unknown as ObjectShape<Record<string, unknown>>);

  return decoderOf((input, report, config) => {
    if (!isObject(input)) {
      report('must be an object');
      return undefined;
    }

    const findings: Finding[] = [];
    const output = readFields({ table, input, findings, spellings: new Map(), config });
    for (const { key, message, path } of decisiveOf(findings, table)) {
      report(message, fieldStep(input, key), ...path);
    }

    return output as Output;
  });
}

/** Something wrong in a field. */
interface Finding {
  readonly key: string;
  readonly name: string;
  readonly message: string;
  readonly path: readonly v.IssuePathItem[];
}

interface Field {
  readonly name: string;
  readonly decoder: Decoder<unknown>;
  readonly nullable: boolean;
}

interface Table {
  /** Each field by its name, and by its name without its case. */
  readonly fields: ReadonlyMap<string, Field>;
  readonly required: readonly string[];
  readonly decisive: readonly string[];
}

function tableOf(shape: ObjectShape<Record<string, unknown>>): Table {
  const fields = new Map<string, Field>();
  for (const [name, decoder] of Object.entries(shape.fields)) {
    const field = { name, decoder, nullable: shape.nullable?.includes(name) ?? false };
    fields.set(name, field).set(fold(name), field);
  }

  return { fields, required: Object.keys(shape.required), decisive: shape.decisive ?? [] };
}

interface Reading {
  readonly table: Table;
  readonly input: Record<string, unknown>;
  readonly findings: Finding[];
  /** The keys that are not spelled as their fields are, by the field. */
  readonly spellings: Map<string, string>;
  readonly config: DecoderConfig;
}

/** The fields of `input` under their proper names, in their order. */
function readFields(reading: Reading): Record<string, unknown> {
  const { table, input, findings } = reading;
  const output: Record<string, unknown> = {};

  for (const key of Object.keys(input)) {
    const field = table.fields.get(key) ?? table.fields.get(fold(key));
    const value = readField(reading, key, field);
    if (value !== undefined) setOwn(output, field?.name ?? key, value);
  }
  for (const name of table.required) {
    if (Object.hasOwn(output, name) || findings.some((finding) => finding.name === name)) continue;
    findings.push({ key: name, name, message: 'is required', path: [] });
  }

  return output;
}

/** The value of one key; undefined when it is absent or wrong. */
function readField(reading: Reading, key: string, field: Field | undefined): unknown {
  const { input, findings, config } = reading;
  const name = field?.name ?? key;
  const value = input[key];

  const other = name === key ? undefined : otherSpelling(reading, key, name);
  if (other !== undefined) {
    const message = `is given twice, as ${quoted(key)} and as ${quoted(other)}`;
    findings.push({ key: name, name, message, path: [] });
    return undefined;
  }
  if (value === undefined || (value === null && field?.nullable === false)) return undefined;

  const result = (field?.decoder ?? anyJson)['~run']({ value }, config);
  for (const { message, path = [] } of result.issues ?? []) {
    findings.push({ key, name, message, path });
  }

  return result.typed ? result.value : undefined;
}

/** Findings about decisive fields when there are any, else all. */
function decisiveOf(findings: readonly Finding[], table: Table): readonly Finding[] {
  if (findings.length === 0) return findings;

  const decisive = findings.filter(({ name }) => table.decisive.includes(name));

  return decisive.length > 0 ? decisive : findings;
}

/** Another key that means the field `name`, as `key` does; remembers `key`. */
function otherSpelling(
  { input, spellings }: Reading,
  key: string,
  name: string,
): string | undefined {
  const other = Object.hasOwn(input, name) ? name : spellings.get(name);
  spellings.set(name, key);

  return other;
}

/** Sets a field of the object itself, also one whose name means something to JavaScript. */
function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    });
  } else {
    target[key] = value;
  }
}

/** How deep a part of a document that we do not know may be nested, so that it can be written again. */
const MAX_DEPTH = 200;

/** A part of a document of which nothing is known: kept, unless it is nested so deeply that it could not be written again. */
export const anyJson: Decoder<unknown> = v.custom(
  (value) => !isDeeperThan(value, MAX_DEPTH),
  'is nested too deeply',
);

/** Whether a value has more than so many levels. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;

  for (const inner of Object.values(value)) if (isDeeperThan(inner, levels - 1)) return true;

  return false;
}

/** Whether a value is an object of a document: not null and not a list. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field's name without its case, the way Go's decoder compares: the long s is an s and the Kelvin sign a k. */
function fold(name: string): string {
  return name.toLowerCase().replaceAll('\u017f', 's');
}
