import { isTimestamp } from './date.ts';
import { type Decoder, fieldStep, itemStep, withCheck } from './decoder.ts';
import { objectOf } from './fields.ts';
import { type Label, type Labels, labelsFault } from './labels.ts';
import { listOf, uniqueListOf } from './lists.ts';
import type { AcIdentifier } from './names.ts';
import { quoted } from '#base/errors/quoted';
import { acIdentifier, cText, text, textWhere } from './scalars.ts';

export interface Annotation {
  readonly name: AcIdentifier;
  readonly value: string;
}

/** Unique by name. */
export type Annotations = readonly Annotation[];

export interface EnvironmentVariable {
  /** `^[A-Za-z_][A-Za-z_0-9.-]*$` */
  readonly name: string;
  readonly value: string;
}

const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z_0-9.-]*$/;

/** Whether the text may name a variable of an app's environment. */
export function isEnvironmentName(given: string): boolean {
  return ENVIRONMENT_NAME.test(given);
}

const nameValue: Decoder<Label> = objectOf<Label>({
  fields: { name: acIdentifier, value: text },
  required: { name: true, value: true },
});

export const labels: Decoder<Labels> = withCheck(listOf(nameValue), (given, report) => {
  const fault = labelsFault(given);
  if (fault === undefined) return;

  const { problem, index, field } = fault;
  report(problem, itemStep(given, index), fieldStep(given[index] ?? {}, field));
});

/** What the value of an annotation that the specification knows must be. */
const KNOWN_ANNOTATIONS: ReadonlyMap<
  string,
  { readonly accept: (value: string) => boolean; readonly rule: string }
> = new Map([
  ['created', { accept: isTimestamp, rule: 'a time as in RFC 3339' }],
  ['homepage', { accept: isWebAddress, rule: 'an http or https URL' }],
  ['documentation', { accept: isWebAddress, rule: 'an http or https URL' }],
]);

export const annotations: Decoder<Annotations> = withCheck(
  uniqueListOf<'name', Annotation>(nameValue, 'name'),
  (list, report) => {
    list.forEach((annotation, index) => {
      const known = KNOWN_ANNOTATIONS.get(annotation.name);
      if (known === undefined || known.accept(annotation.value)) return;

      report(
        `must be ${known.rule}, not ${quoted(annotation.value)}`,
        itemStep(list, index),
        fieldStep(annotation, 'value'),
      );
    });
  },
);

export const environment: Decoder<readonly EnvironmentVariable[]> = uniqueListOf(
  objectOf<EnvironmentVariable>({
    fields: {
      name: textWhere(
        isEnvironmentName,
        'letters, digits and characters of "_.-", and not begin with a digit, "." or "-"',
      ),
      value: cText,
    },
    required: { name: true, value: true },
  }),
  'name',
);

function isWebAddress(given: string): boolean {
  return (given.startsWith('http://') || given.startsWith('https://')) && URL.canParse(given);
}
