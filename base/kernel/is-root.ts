/** Whether the number of a user is root's; of the one that this process works as, unless given. */
export function isRoot(uid: number | undefined = process.geteuid?.()): boolean {
  return uid === 0;
}
