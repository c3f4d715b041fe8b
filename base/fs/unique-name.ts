/**
 * A part of a file name that nothing else has: the process's number and some
 * random digits. Not a secret: who makes a file by it makes it exclusively.
 * Without node:crypto, whose loading takes longer than all else on the way to
 * `run`.
 */
export function uniqueName(): string {
  const digits = Math.floor(Math.random() * 2 ** 52).toString(36);

  return `${process.pid.toString(36)}-${digits}`;
}
