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
    const output = readFields(table, { input, findings, config });
    if (findings.length > 0) {
      for (const { key, message, path } of decisiveOf(findings, table)) {
        report(message, fieldStep(input, key), ...path);
      }
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
  /** Each field by its name. */
  readonly fields: ReadonlyMap<string, Field>;
  /** Each field by its name without its case. */
  readonly folded: ReadonlyMap<string, Field>;
  readonly required: readonly string[];
  readonly decisive: readonly string[];
}

function tableOf(shape: ObjectShape<Record<string, unknown>>): Table {
  const fields = new Map<string, Field>();
  const folded = new Map<string, Field>();
  for (const [name, decoder] of Object.entries(shape.fields)) {
    const field = { name, decoder, nullable: shape.nullable?.includes(name) ?? false };
    fields.set(name, field);
    folded.set(fold(name), field);
  }

  return {
    fields,
    folded,
    required: Object.keys(shape.required),
    decisive: shape.decisive ?? [],
  };
}

interface Reading {
  readonly input: Record<string, unknown>;
  readonly findings: Finding[];
  readonly config: DecoderConfig;
}

/** The fields of `input` under their proper names, in their order. */
function readFields(table: Table, reading: Reading): Record<string, unknown> {
  const { input, findings } = reading;
  const output: Record<string, unknown> = {};
  let spellings: Map<string, string> | undefined;

  for (const key of Object.keys(input)) {
    const field = table.fields.get(key);
    if (field !== undefined) {
      const value = readField(reading, key, field);
      if (value !== undefined) output[key] = value;
    } else {
      spellings ??= new Map();
      const odd = oddField(table, reading, { key, spellings });
      const value = odd === undefined ? undefined : readField(reading, key, odd);
      if (odd !== undefined && value !== undefined) setOwn(output, odd.name, value);
    }
  }
  for (const name of table.required) {
    if (Object.hasOwn(output, name) || findings.some((finding) => finding.name === name)) continue;
    findings.push({ key: name, name, message: 'is required', path: [] });
  }

  return output;
}

/** The value of one key; undefined when it is absent or wrong. */
function readField(
  { input, findings, config }: Reading,
  key: string,
  { name, decoder, nullable }: Field,
): unknown {
  const value = input[key];
  if (value === undefined || (value === null && !nullable)) return undefined;

  const result = decoder['~run']({ value }, config);
  if (result.issues === undefined) return result.value;

  for (const { message, path = [] } of result.issues) findings.push({ key, name, message, path });

  return undefined;
}

/**
 * The field that a key means that is not spelled as one: a field in another
 * case, or one that is not known. Undefined when another key means it too.
 */
function oddField(
  table: Table,
  { input, findings }: Reading,
  { key, spellings }: { readonly key: string; readonly spellings: Map<string, string> },
): Field | undefined {
  const field = table.folded.get(fold(key));
  if (field === undefined) return { name: key, decoder: anyJson, nullable: true };

  const { name } = field;
  const other = Object.hasOwn(input, name) ? name : spellings.get(name);
  spellings.set(name, key);
  if (other === undefined) return field;

  const message = `is given twice, as ${quoted(key)} and as ${quoted(other)}`;
  findings.push({ key: name, name, message, path: [] });

  return undefined;
}

/** Findings about decisive fields when there are any, else all. */
function decisiveOf(findings: readonly Finding[], table: Table): readonly Finding[] {
  const decisive = findings.filter(({ name }) => table.decisive.includes(name));

  return decisive.length > 0 ? decisive : findings;
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
