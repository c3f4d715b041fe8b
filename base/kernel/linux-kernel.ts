import { type Fd, type Kernel, LOCK, type MountRequest, type Rlimit } from './kernel.ts';
import { askLibc, callLibc, callLibcAside, kernelErrno, kernelError } from './native.ts';
import { markDirectory } from './marks.ts';
import { networkCalls } from './network-calls.ts';
import { reapProcess, spawnProgram } from './spawn.ts';
import { terminalCalls } from './terminal-calls.ts';

// fcntl(2) commands and descriptor flags, asm-generic/fcntl.h.
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
// close_range(2), linux/close_range.h.
const CLOSE_RANGE_CLOEXEC = 4;
// sigprocmask(2), asm-generic/signal.h.
const SIG_SETMASK = 2;
const SIGSET_BYTES = 128;
// utimensat(2), linux/fcntl.h.
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const XATTR_MAX = 65_536;
// pipe2(2), asm-generic/fcntl.h.
const O_CLOEXEC = 0o2000000;
const O_APPEND = 0o2000;
// statx(2), linux/stat.h.
const STATX_BASIC_STATS = 0x7ff;
// mount_setattr(2), open_tree(2) and move_mount(2), linux/mount.h; their numbers
// (442, 428, 429) are the same on every architecture.
const AT_RECURSIVE = 0x8000;
const MOUNT_ATTR = { RDONLY: 1n, NOSUID: 2n } as const;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;

// errno(3), asm-generic/errno-base.h; not from node:os, which a run loads for nothing else.
const EAGAIN = 11;

/** Of poll(2). */
const POLLIN = 1;

/** The real kernel. */
export const linuxKernel: Kernel = {
  version: 1,

  mount(request) {
    const { source, target, fstype, flags = 0, data } = request;
    const prototype =
      'int mount(const char *s, const char *t, const char *f, ulong flags, const char *d)';
    callLibc(
      prototype,
      [source, target, fstype ?? null, flags, data ?? null],
      describeMount(request),
    );
  },

  unmount(target, flags = 0) {
    callLibc('int umount2(const char *target, int flags)', [target, flags], `unmount "${target}"`);
  },

  unshare(flags) {
    callLibc('int unshare(int flags)', [flags], 'leave the namespaces');
  },

  setNamespace(fd, kind = 0) {
    callLibc('int setns(int fd, int kind)', [fd, kind], 'join the namespace');
  },

  setMountAttributes(path, attributes) {
    const { readOnly, noSuid, propagation = 0, recursive = false } = attributes;
    const wanted = [
      [readOnly, MOUNT_ATTR.RDONLY],
      [noSuid, MOUNT_ATTR.NOSUID],
    ] as const;
    const bits = (on: boolean): bigint =>
      wanted.reduce((sum, [value, bit]) => (value === on ? sum | bit : sum), 0n);
    const record = Buffer.alloc(32);
    [bits(true), bits(false), BigInt(propagation), 0n].forEach(
      (field, index) => void record.writeBigUInt64LE(field, index * 8),
    );
    callLibc(
      'long syscall(long number, int dir, const char *path, uint flags, const void *record, size_t size)',
      [442, AT_FDCWD, path, recursive ? AT_RECURSIVE : 0, record, record.length],
      `set the attributes of the mount "${path}"`,
    );
  },

  cloneTree(path, recursive) {
    const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
    return callLibc(
      'long syscall(long number, int dir, const char *path, uint flags)',
      [428, AT_FDCWD, path, flags],
      `copy the mount "${path}"`,
    );
  },

  attachTree(tree, target) {
    callLibc(
      'long syscall(long number, int dir, const char *from, int toDir, const char *to, uint flags)',
      [429, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH],
      `attach a mount on "${target}"`,
    );
  },

  chroot(path) {
    callLibc('int chroot(const char *path)', [path], `change the root to "${path}"`);
  },

  pivotRoot(newRoot, putOld) {
    const number = process.arch === 'arm64' ? 41 : 155; // asm/unistd.h; libc has no wrapper
    callLibc(
      'long syscall(long number, const char *newRoot, const char *putOld)',
      [number, newRoot, putOld],
      `pivot the root to "${newRoot}"`,
    );
  },

  makeNode(path, mode, device = { major: 0, minor: 0 }) {
    callLibc(
      'int mknod(const char *path, uint mode, uint64_t device)',
      [path, mode, encodeDevice(device.major, device.minor)],
      `make the node "${path}"`,
    );
  },

  setXattr(path, name, value) {
    callLibc(
      'int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)',
      [path, name, Buffer.from(value), value.length, 0],
      `set the attribute "${name}" of "${path}"`,
    );
  },

  getXattr(path, name) {
    const value = xattrScratch();
    try {
      const length = callLibc(
        'long lgetxattr(const char *path, const char *name, void *value, size_t size)',
        [path, name, value, value.length],
        `read the attribute "${name}" of "${path}"`,
      );
      return Buffer.from(value.subarray(0, length));
    } catch (error) {
      if (['ENODATA', 'EOPNOTSUPP', 'ENOTSUP'].includes(kernelErrno(error) ?? '')) return undefined;
      throw error;
    }
  },

  listXattrs(path) {
    const list = xattrScratch();
    const length = callLibc(
      'long llistxattr(const char *path, void *list, size_t size)',
      [path, list, list.length],
      `list the attributes of "${path}"`,
    );
    return length === 0 ? [] : list.toString('utf8', 0, length - 1).split('\0');
  },

  statEntry(dir, path, into) {
    try {
      callLibc(
        'int statx(int dir, const char *path, int flags, uint mask, void *record)',
        [dir, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, into],
        `look at "${path}"`,
      );
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTDIR'].includes(kernelErrno(error) ?? '')) return false;
      throw error;
    }
  },

  setTimes(path, times) {
    const spec = Buffer.alloc(32);
    [times.atimeNs, times.mtimeNs].forEach((ns, index) => {
      const seconds = ns >= 0n ? ns / 1_000_000_000n : -((-ns + 999_999_999n) / 1_000_000_000n);
      spec.writeBigInt64LE(seconds, index * 16);
      spec.writeBigInt64LE(ns - seconds * 1_000_000_000n, index * 16 + 8);
    });
    callLibc(
      'int utimensat(int dir, const char *path, const void *times, int flags)',
      [AT_FDCWD, path, spec, AT_SYMLINK_NOFOLLOW],
      `set the times of "${path}"`,
    );
  },

  flock(fd, operation) {
    const errno = askLibc('int flock(int fd, int operation)', [fd, operation]);
    if (errno === EAGAIN && (operation & LOCK.NB) !== 0) return false;
    if (errno !== 0) throw kernelError(`lock descriptor ${fd}`, errno);

    return true;
  },

  setCloseOnExec(fd, closed) {
    callLibc(
      'int fcntl(int fd, int command, int argument)',
      [fd, F_SETFD, closed ? FD_CLOEXEC : 0],
      `set the flags of descriptor ${fd}`,
    );
  },

  closeOnExecFrom(first) {
    const number = 436; // close_range(2), asm-generic/unistd.h; Linux 5.11 has the flag
    callLibc(
      'long syscall(long number, uint first, uint last, uint flags)',
      [number, first, 0xffff_ffff, CLOSE_RANGE_CLOEXEC],
      `have descriptors closed from ${first} on`,
    );
  },

  setAppend(fd) {
    const fcntl = 'int fcntl(int fd, int command, int argument)';
    const flags = callLibc(fcntl, [fd, F_GETFL, 0], `read the flags of descriptor ${fd}`);
    callLibc(fcntl, [fd, F_SETFL, flags | O_APPEND], `set the flags of descriptor ${fd}`);
  },

  duplicate(fd, onto) {
    callLibc('int dup2(int fd, int onto)', [fd, onto], `duplicate descriptor ${fd} onto ${onto}`);
  },

  makePipe() {
    const ends = Buffer.alloc(8);
    callLibc('int pipe2(void *ends, int flags)', [ends, O_CLOEXEC], 'make a pipe');
    return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
  },

  getRlimit(resource) {
    const old = Buffer.alloc(16);
    callLibc(PRLIMIT, [0, resource, null, old], `read resource limit ${resource}`);
    return { soft: old.readBigUInt64LE(0), hard: old.readBigUInt64LE(8) };
  },

  setRlimit(resource: number, limit: Rlimit) {
    const value = Buffer.alloc(16);
    value.writeBigUInt64LE(limit.soft, 0);
    value.writeBigUInt64LE(limit.hard, 8);
    callLibc(PRLIMIT, [0, resource, value, null], `set resource limit ${resource}`);
  },

  setSignalDisposition(signal, disposition) {
    callLibc(
      'intptr_t signal(int signal, intptr_t handler)',
      [signal, disposition === 'ignore' ? 1 : 0],
      `set the disposition of signal ${signal}`,
    );
  },

  setBlockedSignals(signals) {
    const set = Buffer.alloc(SIGSET_BYTES);
    for (const signal of signals) {
      const byte = (signal - 1) >> 3;
      set.writeUInt8(set.readUInt8(byte) | (1 << ((signal - 1) & 7)), byte);
    }
    callLibc(
      'int sigprocmask(int how, const void *set, void *old)',
      [SIG_SETMASK, set, null],
      'set the blocked signals',
    );
  },

  prctl(option, arg2 = 0, arg3 = 0) {
    return callLibc(
      'int prctl(int option, ulong a2, ulong a3, ulong a4, ulong a5)',
      [option, arg2, arg3, 0, 0],
      `set process option ${option}`,
    );
  },

  setGroups(gids) {
    const list = Buffer.alloc(gids.length * 4);
    gids.forEach((gid, index) => void list.writeUInt32LE(gid, index * 4));
    callLibc(
      'long syscall(long number, size_t count, const void *list)',
      [IDENTITY_CALLS.setgroups, gids.length, list],
      'set the supplementary groups',
    );
  },

  setGid(gid) {
    callLibc(ID_PROTOTYPE, [IDENTITY_CALLS.setgid, gid], `become group ${gid}`);
  },

  setUid(uid) {
    callLibc(ID_PROTOTYPE, [IDENTITY_CALLS.setuid, uid], `become user ${uid}`);
  },

  setHostname(name) {
    callLibc(
      'int sethostname(const char *name, size_t length)',
      [name, Buffer.byteLength(name)],
      `set the host name "${name}"`,
    );
  },

  ...networkCalls,
  ...terminalCalls,

  newSession() {
    callLibc('int setsid()', [], 'start a session');
  },

  syncFs(fd) {
    callLibc('int syncfs(int fd)', [fd], 'flush the file system');
  },

  umask(mask) {
    return callLibc('uint umask(uint mask)', [mask], 'set the umask');
  },

  kill(pid, signal) {
    callLibc(
      'int kill(int pid, int signal)',
      [pid, signal],
      `send signal ${signal} to process ${pid}`,
    );
  },

  pidfdOpen(pid): Fd {
    const number = 434; // asm-generic/unistd.h, the same on every architecture
    return callLibc(
      'long syscall(long number, long pid, ulong flags)',
      [number, pid, 0],
      `open process ${pid}`,
    );
  },

  markDirectory,
  spawn: spawnProgram,
  reap: reapProcess,
  async processEnd(process, timeoutMs) {
    // struct pollfd of poll(2): the descriptor, the events asked for, those that came.
    const pollfd = Buffer.alloc(8);
    pollfd.writeInt32LE(process, 0);
    pollfd.writeInt16LE(POLLIN, 4);
    await callLibcAside('int poll(void *fds, ulong count, int timeout)', [pollfd, 1, timeoutMs]);

    return pollfd.readInt16LE(6) !== 0;
  },

  execve(path, argv, env) {
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    callLibc(
      'int execve(const char *path, const char **argv, const char **envp)',
      [path, [...argv, null], [...variables, null]],
      `execute "${path}"`,
    );
    throw new Error('execve returned');
  },
};

const ID_PROTOTYPE = 'long syscall(long number, ulong id)';
/** asm/unistd.h. libc's own functions interrupt every thread, which takes a millisecond in Node. */
const IDENTITY_CALLS =
  process.arch === 'arm64'
    ? { setgroups: 159, setgid: 144, setuid: 146 }
    : { setgroups: 116, setgid: 106, setuid: 105 };

const PRLIMIT = 'int prlimit(int pid, int resource, const void *limit, void *old)';

let xattrBuffer: Buffer | undefined;

/** One buffer for all attributes: reading those of every file of a tree would fill the memory with new ones. */
function xattrScratch(): Buffer {
  xattrBuffer ??= Buffer.allocUnsafeSlow(XATTR_MAX);
  return xattrBuffer;
}

/** The device number as glibc's makedev(3) encodes it. */
function encodeDevice(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return (
    ((high & 0xffff_f000n) << 32n) |
    ((high & 0xfffn) << 8n) |
    ((low & 0xffff_ff00n) << 12n) |
    (low & 0xffn)
  );
}

function describeMount({ source, target, fstype }: MountRequest): string {
  return `mount ${fstype === undefined ? '' : `${fstype} `}"${source}" on "${target}"`;
}
