import * as v from 'valibot';
import { type Decoder, fieldStep, itemStep, MAX_FINDINGS, readAt, withChecks } from './decoder.ts';
import { isObject } from './fields.ts';
import { quoted } from '#base/errors/quoted';

export function listOf<Item>(item: Decoder<Item>): Decoder<readonly Item[]> {
  return v.pipe(
    v.custom<readonly unknown[]>(Array.isArray, 'must be a list'),
    v.rawTransform(({ dataset, addIssue }) => {
      const output: Item[] = [];
      let wrong = 0;
      for (const [index, value] of dataset.value.entries()) {
        const result = readAt(item, value, itemStep(dataset.value, index));
        if (result.findings === undefined) {
          output.push(result.output);
        } else {
          for (const { path, message } of result.findings) addIssue({ path, message });
          wrong += result.findings.length;
          if (wrong >= MAX_FINDINGS) break;
        }
      }

      return output;
    }),
  );
}

/** A list of at least one item. */
export function nonEmptyListOf<Item>(item: Decoder<Item>): Decoder<readonly Item[]> {
  return v.pipe(
    listOf(item),
    v.check((given) => given.length > 0, 'must not be empty'),
  );
}

/** A list in which no two items have the same value in the field `key`. */
export function uniqueListOf<Key extends string, Item extends { readonly [K in Key]: string }>(
  item: Decoder<Item>,
  key: Key,
): Decoder<readonly Item[]> {
  return withChecks(listOf(item), function* (list) {
    const seen = new Set<string>();
    for (const [index, entry] of list.entries()) {
      if (seen.has(entry[key])) {
        yield {
          message: `${quoted(entry[key])} is given twice`,
          path: [itemStep(list, index), fieldStep(entry, key)],
        };
      }
      seen.add(entry[key]);
    }
  });
}

/** A map from any text to text. Every key is kept, also one that means something to JavaScript. */
export const textMap: Decoder<Readonly<Record<string, string>>> = v.pipe(
  v.custom<Record<string, unknown>>(isObject, 'must be an object'),
  v.rawTransform(({ dataset, addIssue }) => {
    for (const [key, value] of Object.entries(dataset.value)) {
      if (typeof value === 'string') continue;
      addIssue({ message: 'must be text', path: [fieldStep(dataset.value, key)] });
      break;
    }

    return Object.fromEntries(Object.entries(dataset.value)) as Readonly<Record<string, string>>;
  }),
);
