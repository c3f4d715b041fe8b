import { type Decoder, objectOf } from '../types/fields.ts';
import type { AcIdentifier } from '../types/names.ts';
import { acIdentifier } from '../types/scalars.ts';
import * as v from 'valibot';

/** A restriction on an app or a pod, as a manifest carries it; `isolatorsOf()` gives the meaning. */
export interface Isolator {
  readonly name: AcIdentifier;
  /** JSON whose shape the name decides. */
  readonly value: unknown;
}

export const isolator: Decoder<Isolator> = objectOf<Isolator>({
  fields: { name: acIdentifier, value: v.unknown() },
  required: { name: true, value: true },
  nullable: ['value'],
});
