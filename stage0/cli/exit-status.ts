/** Exit statuses of gantry itself, as rkt had them (fact sheet 1.1). */
export const EXIT = {
  ok: 0,
  /** No command was given. */
  noCommand: 2,
  /** Any failure of gantry or a stage1, bad usage included. */
  failure: 254,
} as const;
