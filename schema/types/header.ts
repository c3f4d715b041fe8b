import * as v from 'valibot';
import type { Decoder } from './decoder.ts';
import { quoted } from '#base/errors/quoted';
import { acVersionProblem } from './sem-ver.ts';
import { textWhere } from './scalars.ts';

/** What every document begins with. */
export interface Header<Kind extends string> {
  readonly acKind: Kind;
  /** A semantic version, not of a newer major version than ours. */
  readonly acVersion: string;
}

/** The two fields, for the shape of a document. */
export function headerFields<Kind extends string>(
  kind: Kind,
): { readonly acKind: Decoder<Kind>; readonly acVersion: Decoder<string> } {
  return {
    acKind: textWhere<Kind>((given) => given === kind, quoted(kind)),
    acVersion: v.custom<string>(
      (given) => typeof given === 'string' && acVersionProblem(given) === undefined,
      ({ input }) =>
        (typeof input === 'string' ? acVersionProblem(input) : undefined) ?? 'must be text',
    ),
  };
}
