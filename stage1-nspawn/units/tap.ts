import { TAPS_DIR } from './status-dirs.ts';

// The tap of a stream: its last bytes, exactly as they came, in parts of one
// size; a part's name is its number, so that its place in the stream is known.

/** Bytes of every part but the last. */
export const PART_BYTES: number = 256 * 1024;

/** So many are there at most, so that a client may be slow for that long. */
export const KEPT_PARTS = 8;

/** Of a part's name: enough for 256 TiB. */
export const PART_DIGITS = 9;

/** Exists when nothing more is to come. */
export const TAP_OVER = 'over';

/** The folder of a stream's tap, inside stage1. */
export const tapDir = (app: string, stream: string): string => `${TAPS_DIR}/${app}/${stream}`;
