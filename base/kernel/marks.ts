import type { Fd } from './kernel.ts';
import { callLibc } from './native.ts';

// fanotify_init(2) and fanotify_mark(2), linux/fanotify.h.
const FAN_CLOEXEC = 1;
const FAN_MARK_ADD = 1;
const FAN_MARK_ONLYDIR = 8;
const FAN_MARK_IGNORED_MASK = 0x20;
const FAN_OPEN = 0x20n;
const AT_FDCWD = -100;

/** What `Kernel.markDirectory` does. */
export function markDirectory(path: string): Fd {
  const what = `mark "${path}"`;
  const group = callLibc('int fanotify_init(uint flags, uint events)', [FAN_CLOEXEC, 0], what);
  const flags = FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_IGNORED_MASK;
  const prototype =
    'int fanotify_mark(int group, uint flags, uint64_t mask, int dir, const char *path)';
  callLibc(prototype, [group, flags, FAN_OPEN, AT_FDCWD, path], what);

  return group;
}
