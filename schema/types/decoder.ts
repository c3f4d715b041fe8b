import * as v from 'valibot';

/** A schema for something of which nothing is known yet. */
export type Decoder<Output> = v.GenericSchema<unknown, Output>;

/** What a decoder is run with. */
export type DecoderConfig = Parameters<Decoder<unknown>['~run']>[1];

/** Takes what is wrong, and where in the value. */
export type Report = (message: string, ...path: readonly v.IssuePathItem[]) => void;

/** Reports what is wrong with a value as a whole, each part of which is right. */
export type Check<Output> = (value: Output, report: Report) => void;

/** A message shows no more findings than this; hostile input must not make millions. */
export const MAX_FINDINGS = 5;

/**
 * A schema that is one function: it gives what it read, and reports what is
 * wrong. Manifests are read on the way to every start of a pod, when no code is
 * warm yet; a schema put together of many small ones takes three times as long.
 */
export function decoderOf<Output>(
  read: (value: unknown, report: Report, config: DecoderConfig) => Output | undefined,
): Decoder<Output> {
  const run: Decoder<unknown>['~run'] = (dataset, config) => {
    const issues: v.BaseIssue<unknown>[] = [];
    const input = dataset.value;
    const output = read(
      input,
      (message, ...path) => {
        if (issues.length < MAX_FINDINGS) issues.push(issueOf(input, message, path));
      },
      config,
    );
    if (!isNonEmpty(issues)) return { typed: true, value: output };

    return { typed: false, value: input, issues };
  };

  return Object.assign(v.unknown(), { '~run': run }) as Decoder<unknown> as Decoder<Output>;
}

/** The decoder with a check added. */
export function withCheck<Output>(decoder: Decoder<Output>, check: Check<Output>): Decoder<Output> {
  return decoderOf((value, report, config) => {
    const result = decoder['~run']({ value }, config);
    if (result.issues === undefined) check(result.value, report);
    else reportAll(result.issues, report);

    return result.typed ? result.value : undefined;
  });
}

/** Reports what another decoder found in a part of a value; `step` leads to the part. */
export function reportAll(
  issues: readonly v.BaseIssue<unknown>[],
  report: Report,
  ...step: readonly v.IssuePathItem[]
): void {
  for (const { message, path = [] } of issues) report(message, ...step, ...path);
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

function issueOf(
  input: unknown,
  message: string,
  path: readonly v.IssuePathItem[],
): v.BaseIssue<unknown> {
  const [first, ...rest] = path;

  return {
    kind: 'schema',
    type: 'unknown',
    input,
    expected: null,
    received: '',
    message,
    ...(first === undefined ? {} : { path: [first, ...rest] }),
  };
}

function isNonEmpty<Item>(list: Item[]): list is [Item, ...Item[]] {
  return list.length > 0;
}
