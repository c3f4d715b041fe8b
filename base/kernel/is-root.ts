/** Whether this process works as root. */
export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}
