import {
  type Decoder,
  decoderOf,
  fieldStep,
  itemStep,
  MAX_FINDINGS,
  reportAll,
  withCheck,
} from './decoder.ts';
import { isObject } from './fields.ts';
import { quoted } from '#base/errors/quoted';

export function listOf<Item>(item: Decoder<Item>): Decoder<readonly Item[]> {
  return decoderOf((input, report, config) => {
    if (!Array.isArray(input)) {
      report('must be a list');
      return undefined;
    }

    const output: Item[] = [];
    for (let index = 0, wrong = 0; index < input.length && wrong < MAX_FINDINGS; index += 1) {
      const result = item['~run']({ value: input[index] }, config);
      if (result.issues === undefined) {
        output.push(result.value);
      } else {
        reportAll(result.issues, report, itemStep(input, index));
        wrong += 1;
      }
    }

    return output;
  });
}

/** A list of at least one item. */
export function nonEmptyListOf<Item>(item: Decoder<Item>): Decoder<readonly Item[]> {
  return withCheck(listOf(item), (list, report) => {
    if (list.length === 0) report('must not be empty');
  });
}

/** A list in which no two items have the same value in the field `key`. */
export function uniqueListOf<Key extends string, Item extends { readonly [K in Key]: string }>(
  item: Decoder<Item>,
  key: Key,
): Decoder<readonly Item[]> {
  return withCheck(listOf(item), (list, report) => {
    if (list.length < 2) return;

    const seen = new Set<string>();
    list.forEach((entry, index) => {
      const name = entry[key];
      if (seen.has(name)) {
        report(`${quoted(name)} is given twice`, itemStep(list, index), fieldStep(entry, key));
      }
      seen.add(name);
    });
  });
}

/** A map from any text to text. Every key is kept, also one that means something to JavaScript. */
export const textMap: Decoder<Readonly<Record<string, string>>> = decoderOf((input, report) => {
  if (!isObject(input)) {
    report('must be an object');
    return undefined;
  }

  for (const key of Object.keys(input)) {
    if (typeof input[key] === 'string') continue;
    report('must be text', fieldStep(input, key));
    break;
  }

  return Object.fromEntries(Object.entries(input)) as Readonly<Record<string, string>>;
});
