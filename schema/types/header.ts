import * as v from 'valibot';
import type { Decoder } from './decoder.ts';
import { objectOf } from './fields.ts';
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
    acVersion: v.pipe(
      v.string('must be text'),
      v.check(
        (given) => acVersionProblem(given) === undefined,
        (issue) => acVersionProblem(issue.input) ?? 'must be a version',
      ),
    ),
  };
}

/**
 * A document of this kind. Its kind and version are looked at first: what else
 * is in a document of another kind or of a newer version cannot be judged.
 */
export function documentOf<Output extends Header<string>>(
  kind: Output['acKind'],
  body: Decoder<Output>,
): Decoder<Output> {
  const header = objectOf<Header<string>>({
    fields: headerFields<string>(kind),
    required: { acKind: true, acVersion: true },
  });

  return v.pipe(
    v.unknown(),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;

      for (const { message, path } of v.safeParse(header, dataset.value).issues ?? []) {
        addIssue({ message, path });
      }
    }),
    body,
  );
}
