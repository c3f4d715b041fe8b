import * as v from 'valibot';
import { type Decoder, fieldStep, withChecks } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { isQuantity, parseMilliUnits, parseUnits, QUANTITY_RULE } from '../types/quantity.ts';
import { quoted } from '#base/errors/quoted';
import { boolean } from '../types/scalars.ts';

/** How much of a resource is guaranteed and allowed. */
export interface ResourceAmount {
  /** The limit when the manifest does not say. */
  readonly request?: bigint | undefined;
  /** None when absent. */
  readonly limit?: bigint | undefined;
}

/** How much of a resource is allowed, on every device or interface alike. */
export interface ResourceLimit {
  readonly limit: bigint;
}

interface ResourceValue {
  readonly default?: boolean | undefined;
  readonly request?: string | undefined;
  readonly limit?: string | undefined;
}

/** Text, or a plain number as Go's decoder takes it too. */
const quantity: Decoder<string> = v.pipe(
  v.unknown(),
  v.transform((given) => (typeof given === 'number' ? String(given) : given)),
  v.string('must be a quantity, as text or number'),
  v.check(isQuantity, (issue) => `must be ${QUANTITY_RULE}, not ${quoted(issue.input)}`),
);

const resourceValue: Decoder<ResourceValue> = objectOf<ResourceValue>({
  fields: { default: boolean, request: quantity, limit: quantity },
  required: {},
});

/** The value of `resource/cpu`, in thousandths of a core. */
export const cpuAmount: Decoder<ResourceAmount> = amountIn(parseMilliUnits);

/** The value of `resource/memory`, in bytes. */
export const memoryAmount: Decoder<ResourceAmount> = amountIn(parseUnits);

/** A request and a limit. */
function amountIn(parse: (text: string) => bigint): Decoder<ResourceAmount> {
  return v.pipe(
    withChecks(resourceValue, function* (value) {
      if (value.default === true) {
        yield {
          message: 'must not be true for this resource',
          path: [fieldStep(value, 'default')],
        };
      }
    }),
    v.transform(({ limit, request = limit }) => ({
      ...(request === undefined ? {} : { request: parse(request) }),
      ...(limit === undefined ? {} : { limit: parse(limit) }),
    })),
  );
}

/** The value of `resource/block-bandwidth` and its like: a limit alone, with `default` true. */
export const defaultLimit: Decoder<ResourceLimit> = v.pipe(
  withChecks(resourceValue, function* (value) {
    if (value.default !== true) {
      yield { message: 'must be true', path: [fieldStep(value, 'default')] };
    }
    if (value.request !== undefined) {
      yield { message: 'must not be set for this resource', path: [fieldStep(value, 'request')] };
    }
    if (value.limit === undefined) {
      yield { message: 'is required', path: [fieldStep(value, 'limit')] };
    }
  }),
  v.transform(({ limit = '' }) => ({ limit: parseUnits(limit) })),
);
