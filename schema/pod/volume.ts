import { type Decoder, fieldStep, withCheck } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import type { AcName } from '../types/names.ts';
import { acName, boolean, optionalPath, textWhere, unixId } from '../types/scalars.ts';

/** A file or directory of the host. */
export interface HostVolume {
  readonly name: AcName;
  readonly kind: 'host';
  /** Absolute, on the host. */
  readonly source: string;
  readonly readOnly?: boolean | undefined;
  /** With what is mounted below it; true when absent, except under fly. */
  readonly recursive?: boolean | undefined;
}

/** A directory of the pod's own. */
export interface EmptyVolume {
  readonly name: AcName;
  readonly kind: 'empty';
  readonly readOnly?: boolean | undefined;
  /** Octal; `0755` when absent. */
  readonly mode?: string | undefined;
  /** 0 when absent. */
  readonly uid?: number | undefined;
  /** 0 when absent. */
  readonly gid?: number | undefined;
}

export type Volume = HostVolume | EmptyVolume;

/** Every field that a volume of either kind may have. */
interface AnyVolume {
  readonly name: AcName;
  readonly kind: Volume['kind'];
  readonly source?: string | undefined;
  readonly readOnly?: boolean | undefined;
  readonly recursive?: boolean | undefined;
  readonly mode?: string | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** Which fields a kind must not have. */
const FOREIGN_FIELDS = { host: ['mode', 'uid', 'gid'], empty: ['source'] } as const;

const anyVolume: Decoder<AnyVolume> = withCheck(
  objectOf<AnyVolume>({
    fields: {
      name: acName,
      kind: textWhere<Volume['kind']>(
        (given) => given === 'host' || given === 'empty',
        '"host" or "empty"',
      ),
      source: optionalPath,
      readOnly: boolean,
      recursive: boolean,
      mode: textWhere(
        (given) => /^[0-7]{3,4}$/.test(given),
        'a mode of three or four octal digits',
      ),
      uid: unixId,
      gid: unixId,
    },
    required: { name: true, kind: true },
  }),
  (given, report) => {
    for (const field of FOREIGN_FIELDS[given.kind]) {
      if (given[field] === undefined) continue;
      report(`must not be set for a volume of kind ${given.kind}`, fieldStep(given, field));
    }
    if (given.kind === 'host' && given.source === undefined) {
      report('is required', fieldStep(given, 'source'));
    }
  },
);

/** A volume of either kind; the checks above make the union true. */
export const volume: Decoder<Volume> = anyVolume as Decoder<Volume>;
