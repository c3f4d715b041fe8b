import type { AcIdentifier } from '../types/names.ts';

/** A restriction on an app or a pod, as a manifest carries it; `isolatorsOf()` tells what it means. */
export interface Isolator {
  readonly name: AcIdentifier;
  /** JSON whose shape the name decides. */
  readonly value: unknown;
}
