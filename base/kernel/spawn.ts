import type { Program } from './kernel.ts';
import { callLibc, kernelError } from './native.ts';

// posix_spawn(3), spawn.h of glibc: the records are opaque, at most 336 bytes long.
const RECORD_BYTES = 512;
const SETSIGDEF = 4;
const SETSIGMASK = 8;
const SIGSET_BYTES = 128;
// open(2), asm-generic/fcntl.h.
const O_RDWR = 2;
const STANDARD_STREAMS = [0, 1, 2] as const;
const EINTR = 'EINTR';

/** What `Kernel.spawn` does. */
export function spawnProgram({ path, argv, env, given = [] }: Program): number {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const pid = Buffer.alloc(4);
  const attributes = Buffer.alloc(RECORD_BYTES);
  const actions = Buffer.alloc(RECORD_BYTES);
  call('int posix_spawnattr_init(void *attr)', [attributes]);
  call('int posix_spawn_file_actions_init(void *actions)', [actions]);
  try {
    plainSignals(attributes);
    awayFromCaller(actions);
    for (const { fd, as } of given) {
      call('int posix_spawn_file_actions_adddup2(void *actions, int fd, int as)', [
        actions,
        fd,
        as,
      ]);
    }
    const prototype =
      'int posix_spawn(void *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)';
    call(
      prototype,
      [pid, path, actions, attributes, [...argv, null], [...variables, null]],
      `start "${path}"`,
    );
  } finally {
    call('int posix_spawn_file_actions_destroy(void *actions)', [actions]);
    call('int posix_spawnattr_destroy(void *attr)', [attributes]);
  }

  return pid.readInt32LE();
}

/** What `Kernel.reap` does. */
export function reapProcess(pid: number): number {
  const status = Buffer.alloc(4);
  for (;;) {
    try {
      callLibc(
        'int waitpid(int pid, void *status, int options)',
        [pid, status, 0],
        `wait for process ${pid}`,
      );
      break;
    } catch (error) {
      if (!(error instanceof Error && 'errno' in error && error.errno === EINTR)) throw error;
    }
  }

  // wait(2): the low seven bits are the signal, the next byte is the exit status.
  const word = status.readInt32LE();
  return (word & 0x7f) === 0 ? (word >> 8) & 0xff : 128 + (word & 0x7f);
}

function plainSignals(attributes: Buffer): void {
  call('int posix_spawnattr_setflags(void *attr, int16_t flags)', [
    attributes,
    SETSIGDEF | SETSIGMASK,
  ]);
  const all = Buffer.alloc(SIGSET_BYTES, 0xff);
  call('int posix_spawnattr_setsigdefault(void *attr, const void *set)', [attributes, all]);
  const none = Buffer.alloc(SIGSET_BYTES);
  call('int posix_spawnattr_setsigmask(void *attr, const void *set)', [attributes, none]);
}

function awayFromCaller(actions: Buffer): void {
  for (const stream of STANDARD_STREAMS) {
    const prototype =
      'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint mode)';
    call(prototype, [actions, stream, '/dev/null', O_RDWR, 0]);
  }
  call('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)', [actions, '/']);
}

/** These return the errno itself. */
function call(prototype: string, args: readonly unknown[], what = 'start a program'): void {
  const errno = callLibc(prototype, args, what);
  if (errno !== 0) throw kernelError(what, errno);
}
