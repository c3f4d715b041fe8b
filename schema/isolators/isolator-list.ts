import * as v from 'valibot';
import { type Decoder, fieldStep, itemStep, reportAll, withCheck } from '../types/decoder.ts';
import { anyJson, objectOf } from '../types/fields.ts';
import { listOf } from '../types/lists.ts';
import { acIdentifier } from '../types/scalars.ts';
import type { Isolator } from './isolator.ts';
import { isolatorRule } from './rules.ts';

/** One isolator. A value that the specification knows must be right; what it does not know is kept. */
export const isolator: Decoder<Isolator> = withCheck(
  objectOf<Isolator>({
    fields: { name: acIdentifier, value: anyJson },
    required: { name: true, value: true },
    nullable: ['value'],
  }),
  (given, report) => {
    const rule = isolatorRule(given.name);
    if (rule === undefined) return;

    const { issues } = v.safeParse(rule.decoder, given.value, { abortPipeEarly: true });
    if (issues !== undefined) reportAll(issues, report, fieldStep(given, 'value'));
  },
);

/** The isolators of an app or a pod: of a family such as seccomp or capabilities at most one. */
export const isolatorList: Decoder<readonly Isolator[]> = withCheck(
  listOf(isolator),
  (list, report) => {
    const seen = new Map<string, string>();
    list.forEach(({ name }, index) => {
      const rule = isolatorRule(name);
      if (rule === undefined) return;

      const earlier = seen.get(rule.field);
      if (earlier !== undefined && !rule.repeatable) {
        report(
          `"${name}" cannot be used beside "${earlier}": at most one of them is allowed`,
          itemStep(list, index),
        );
      }
      seen.set(rule.field, name);
    });
  },
);
