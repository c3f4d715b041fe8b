import * as v from 'valibot';

/** A schema for something of which nothing is known yet. */
export type Decoder<Output> = v.GenericSchema<unknown, Output>;

/** Something wrong at a place in a document. */
export interface Finding {
  readonly path: [v.IssuePathItem, ...v.IssuePathItem[]];
  readonly message: string;
}

/** A message shows no more findings than this; hostile input must not make millions. */
export const MAX_FINDINGS = 5;

/** Something that a value must hold as a whole, once each part of it is right. */
export type Check<Output> = (value: Output) => Iterable<Finding>;

/** The decoder with checks added; they run in order, until one finds something. */
export function withChecks<Output>(
  decoder: Decoder<Output>,
  ...checks: readonly Check<Output>[]
): Decoder<Output> {
  return v.pipe(
    decoder,
    ...checks.map((check) =>
      v.rawCheck<Output>(({ dataset, addIssue }) => {
        if (!dataset.typed) return;

        let found = 0;
        for (const { path, message } of check(dataset.value)) {
          addIssue({ path, message });
          found += 1;
          if (found === MAX_FINDINGS) return;
        }
      }),
    ),
  ) as Decoder<Output>;
}

/** What became of one value: what was read, or what is wrong. */
export type Reading<Output> =
  | { readonly output: Output; readonly findings?: undefined }
  | { readonly findings: readonly Finding[] };

/** Reads one value; `step` is what leads to it in the document. */
export function readAt<Output>(
  decoder: Decoder<Output>,
  value: unknown,
  step: v.IssuePathItem,
): Reading<Output> {
  const result = v.safeParse(decoder, value, { abortPipeEarly: true });
  if (result.success) return { output: result.output };

  return {
    findings: result.issues.map(({ message, path }) => ({
      message,
      path: [step, ...(path ?? [])],
    })),
  };
}

/** The step of an error's path to a field of an object. */
export function fieldStep(input: object, key: string): v.ObjectPathItem {
  const fields = input as Record<string, unknown>;

  return { type: 'object', origin: 'value', input: fields, key, value: fields[key] };
}

/** The step of an error's path to an item of a list. */
export function itemStep(input: readonly unknown[], key: number): v.ArrayPathItem {
  return { type: 'array', origin: 'value', input, key, value: input[key] };
}
