import * as v from 'valibot';
import { quoted } from '#base/errors/quoted';
import { type Decoder, decoderOf, fieldStep, withCheck } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { milliUnits, QUANTITY_RULE, units } from '../types/quantity.ts';
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
  readonly request?: bigint | undefined;
  readonly limit?: bigint | undefined;
}

/** The value of `resource/cpu`, in thousandths of a core. */
export function cpuAmount(): Decoder<ResourceAmount> {
  return amountIn(milliUnits);
}

/** The value of `resource/memory`, in bytes. */
export function memoryAmount(): Decoder<ResourceAmount> {
  return amountIn(units);
}

/** A request and a limit. */
function amountIn(unit: (text: string) => bigint | undefined): Decoder<ResourceAmount> {
  return v.pipe(
    withCheck(resourceValue(unit), (value, report) => {
      if (value.default === true) {
        report('must not be true for this resource', fieldStep(value, 'default'));
      }
    }),
    v.transform(({ limit, request = limit }) => ({
      ...(request === undefined ? {} : { request }),
      ...(limit === undefined ? {} : { limit }),
    })),
  );
}

/** The value of `resource/block-bandwidth` and its like: a limit alone, with `default` true. */
export function defaultLimit(): Decoder<ResourceLimit> {
  return v.pipe(
    withCheck(resourceValue(units), (value, report) => {
      if (value.default !== true) report('must be true', fieldStep(value, 'default'));
      if (value.request !== undefined) {
        report('must not be set for this resource', fieldStep(value, 'request'));
      }
      if (value.limit === undefined) report('is required', fieldStep(value, 'limit'));
    }),
    v.transform(({ limit = 0n }) => ({ limit })),
  );
}

function resourceValue(unit: (text: string) => bigint | undefined): Decoder<ResourceValue> {
  const quantity = quantityIn(unit);

  return objectOf<ResourceValue>({
    fields: { default: boolean, request: quantity, limit: quantity },
    required: {},
  });
}

/** A quantity as text, or as a plain number, which Go's decoder takes too. */
function quantityIn(unit: (text: string) => bigint | undefined): Decoder<bigint> {
  return decoderOf((value, report) => {
    if (typeof value !== 'string' && typeof value !== 'number') {
      report('must be a quantity, as text or number');
      return undefined;
    }

    const amount = unit(String(value));
    if (amount === undefined) report(`must be ${QUANTITY_RULE}, not ${quoted(String(value))}`);

    return amount;
  });
}
