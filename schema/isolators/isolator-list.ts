import { type Decoder, fieldStep, itemStep, readAt, withChecks } from '../types/decoder.ts';
import { anyJson, objectOf } from '../types/fields.ts';
import { listOf } from '../types/lists.ts';
import { acIdentifier } from '../types/scalars.ts';
import type { Isolator } from './isolator.ts';
import { ISOLATOR_RULES } from './rules.ts';

/** One isolator. A value that the specification knows must be right; what it does not know is kept. */
export const isolator: Decoder<Isolator> = withChecks(
  objectOf<Isolator>({
    fields: { name: acIdentifier, value: anyJson },
    required: { name: true, value: true },
    nullable: ['value'],
  }),
  (given) => {
    const rule = ISOLATOR_RULES.get(given.name);
    if (rule === undefined) return [];

    return readAt(rule.decoder, given.value, fieldStep(given, 'value')).findings ?? [];
  },
);

/** The isolators of an app or a pod: of a family such as seccomp or capabilities at most one. */
export const isolatorList: Decoder<readonly Isolator[]> = withChecks(
  listOf(isolator),
  function* (list) {
    const seen = new Map<string, string>();
    for (const [index, { name }] of list.entries()) {
      const rule = ISOLATOR_RULES.get(name);
      if (rule === undefined) continue;

      const earlier = seen.get(rule.field);
      if (earlier !== undefined && !rule.repeatable) {
        yield {
          message: `"${name}" cannot be used beside "${earlier}": at most one of them is allowed`,
          path: [itemStep(list, index)],
        };
      }
      seen.set(rule.field, name);
    }
  },
);
