import * as v from 'valibot';
import { type Decoder, isObject } from './fields.ts';
import { quoted } from './quoted.ts';

export function listOf<Item>(item: Decoder<Item>): Decoder<readonly Item[]> {
  return v.array(item, 'must be a list');
}

/** A list in which no two items have the same value in the field `key`. */
export function uniqueListOf<Key extends string, Item extends { readonly [K in Key]: string }>(
  item: Decoder<Item>,
  key: Key,
): Decoder<readonly Item[]> {
  return v.pipe(
    v.array(item, 'must be a list'),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;

      const seen = new Set<string>();
      for (const [index, entry] of dataset.value.entries()) {
        if (seen.has(entry[key])) {
          addIssue({
            message: `${quoted(entry[key])} is given twice`,
            path: [itemStep(dataset.value, index), fieldStep(entry, key)],
          });
        }
        seen.add(entry[key]);
      }
    }),
  );
}

/** A map from any text to text. Every key is kept, also one that means something to JavaScript. */
export const textMap: Decoder<Readonly<Record<string, string>>> = v.pipe(
  v.custom<Record<string, unknown>>(isObject, 'must be an object'),
  v.rawTransform(({ dataset, addIssue }) => {
    const output: [string, string][] = [];
    for (const [key, value] of Object.entries(dataset.value)) {
      if (typeof value === 'string') output.push([key, value]);
      else addIssue({ message: 'must be text', path: [fieldStep(dataset.value, key)] });
    }

    return Object.fromEntries(output);
  }),
);

/** The step of an error's path to an item of a list. */
export function itemStep(input: readonly unknown[], key: number): v.ArrayPathItem {
  return { type: 'array', origin: 'value', input: [...input], key, value: input[key] };
}

/** The step of an error's path to a field of an object. */
export function fieldStep(input: object, key: string): v.ObjectPathItem {
  const fields = input as Record<string, unknown>;

  return { type: 'object', origin: 'value', input: fields, key, value: fields[key] };
}
