import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';

/**
 * Why an app is not running: `exited` by itself, `signalled`, `oom` (killed
 * because memory ran out), `not-started` (its program was never executed).
 */
export type AppExitReason = 'exited' | 'signalled' | 'oom' | 'not-started';

/** How an app ended, as stage1 wrote it down. */
export interface AppExit {
  readonly reason: AppExitReason;
  /** As a shell would have it: 128+n for a signal. */
  readonly code: number;
  /** Name of the signal that ended it, without SIG. */
  readonly signal?: string | undefined;
  /** Milliseconds since 1970. */
  readonly finishedAt: number;
}

/** The newest version of the record. */
const APP_EXIT_VERSION = 1;

const recordSchema = v.object({
  reason: v.picklist(['exited', 'signalled', 'oom', 'not-started']),
  code: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  signal: v.optional(v.pipe(v.string(), v.regex(/^[A-Z0-9+]{1,16}$/))),
  /** Seconds since 1970. */
  finished: v.pipe(v.number(), v.minValue(0)),
});

/**
 * Reads the record of how an app ended.
 * @throws GantryError APP_EXIT_INVALID, RECORD_TOO_NEW when a newer gantry wrote it
 */
export function parseAppExit(text: string): AppExit {
  const options = { what: 'record of how an app ended', code: 'APP_EXIT_INVALID' };
  const { version } = decodeJson(v.object({ version: v.number() }), text, options);
  if (version > APP_EXIT_VERSION) {
    throw new GantryError(
      'RECORD_TOO_NEW',
      `cannot read how an app ended: the record is of version ${version}`,
      { hint: 'a newer gantry ran the pod: use that one' },
    );
  }
  const { reason, code, signal, finished } = decodeJson(recordSchema, text, options);

  return { reason, code, signal, finishedAt: finished * 1000 };
}
