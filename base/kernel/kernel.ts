/** Flags of mount(2), linux/mount.h. */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  REMOUNT: 32,
  NOSYMFOLLOW: 256,
  BIND: 4096,
  MOVE: 8192,
  REC: 16384,
  UNBINDABLE: 0x20000,
  PRIVATE: 0x40000,
  SLAVE: 0x80000,
  SHARED: 0x100000,
} as const;

/** Flags of umount2(2). */
export const UMOUNT = { FORCE: 1, DETACH: 2, EXPIRE: 4, NOFOLLOW: 8 } as const;

/** Flags of unshare(2), clone(2) and setns(2), linux/sched.h. */
export const CLONE = {
  /** Root and working directory, which threads share. */
  FS: 0x00000200,
  NEWNS: 0x00020000,
  NEWCGROUP: 0x02000000,
  NEWUTS: 0x04000000,
  NEWIPC: 0x08000000,
  NEWUSER: 0x10000000,
  NEWPID: 0x20000000,
  NEWNET: 0x40000000,
} as const;

/** Operations of flock(2). */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** Resources of prlimit(2), asm-generic/resource.h. */
export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
} as const;

/** No limit, RLIM_INFINITY. */
export const UNLIMITED: bigint = 2n ** 64n - 1n;

export interface Rlimit {
  readonly soft: bigint;
  readonly hard: bigint;
}

export interface MountRequest {
  /** Device, directory or the file system's name; empty for none. */
  readonly source: string;
  readonly target: string;
  /** Undefined for binds, moves, remounts and propagation changes. */
  readonly fstype?: string | undefined;
  /** A union of `MS` bits. */
  readonly flags?: number | undefined;
  readonly data?: string | undefined;
}

/** What `setMountAttributes` changes; what is absent stays as it is. */
export interface MountAttributes {
  readonly readOnly?: boolean | undefined;
  readonly noSuid?: boolean | undefined;
  /** One of `MS.PRIVATE`, `MS.SLAVE`, `MS.SHARED`, `MS.UNBINDABLE`. */
  readonly propagation?: number | undefined;
  /** Whether every mount below is changed too. */
  readonly recursive?: boolean | undefined;
}

/** Of a terminal, in characters. */
export interface WindowSize {
  readonly rows: number;
  readonly columns: number;
}

/** A file descriptor number. */
export type Fd = number;

/**
 * The kernel calls that Node has no API for, in domain words. All are
 * synchronous and act on the calling thread, hence on the main thread: what is
 * imported, opened or spawned from it afterwards is inside the new namespace.
 * Every failing call throws a GantryError KERNEL_CALL_FAILED whose `errno`
 * property is the errno's name.
 *
 * Version 1 of the interface is handed to stage1 entrypoints; members are only
 * ever added.
 */
/** A program to become, or to start. */
export interface Program {
  readonly path: string;
  readonly argv: readonly string[];
  /** The whole environment of the new program. */
  readonly env: Readonly<Record<string, string>>;
  /** Descriptors of this process that it gets, and as which. */
  readonly given?: readonly { readonly fd: Fd; readonly as: Fd }[] | undefined;
}

export interface Kernel {
  readonly version: 1;
  mount(request: MountRequest): void;
  /** @param flags a union of `UMOUNT` bits */
  unmount(target: string, flags?: number): void;
  /** @param flags a union of `CLONE` bits */
  unshare(flags: number): void;
  /** Joins the namespace behind an open descriptor. @param kind one `CLONE` bit, 0 for any */
  setNamespace(fd: Fd, kind?: number): void;
  /** Changes a mount's own attributes, and those below it when asked, leaving the others as they are: mount_setattr(2). */
  setMountAttributes(path: string, attributes: MountAttributes): void;
  /**
   * A copy of the mount at a path (and of those below it), not attached
   * anywhere yet and in the same peer group: open_tree(2).
   */
  cloneTree(path: string, recursive: boolean): Fd;
  /** Attaches what `cloneTree` made, in the mount namespace of the caller: move_mount(2). */
  attachTree(tree: Fd, target: string): void;
  chroot(path: string): void;
  pivotRoot(newRoot: string, putOld: string): void;
  /** Makes a device node, FIFO or socket. @param mode file type bits and permissions */
  makeNode(
    path: string,
    mode: number,
    device?: { readonly major: number; readonly minor: number },
  ): void;
  setXattr(path: string, name: string, value: Uint8Array): void;
  /** The value, or undefined when the file has no such attribute. Does not follow a symbolic link. */
  getXattr(path: string, name: string): Buffer | undefined;
  listXattrs(path: string): readonly string[];
  /**
   * Looks at an entry without following a symbolic link: statx(2).
   * @param path relative to the open directory `dir`; `.` is the directory itself
   * @param into gets the record `struct statx` of linux/stat.h, 256 bytes, as the kernel writes it
   * @returns false when there is no such entry
   */
  statEntry(dir: Fd, path: string, into: Uint8Array): boolean;
  /** Sets modification time with nanoseconds since 1970, access time likewise; does not follow a symbolic link. */
  setTimes(path: string, times: { readonly atimeNs: bigint; readonly mtimeNs: bigint }): void;
  /**
   * Takes or drops a lock on an open file.
   * @param operation a union of `LOCK` bits
   * @returns false when `LOCK.NB` was given and somebody else holds it
   */
  flock(fd: Fd, operation: number): boolean;
  /** Whether a descriptor is closed by the next execve. */
  setCloseOnExec(fd: Fd, closed: boolean): void;
  /** Marks every open descriptor from `first` on as closed by the next execve. */
  closeOnExecFrom(first: Fd): void;
  /** Has whoever shares an open file write at its end from now on. */
  setAppend(fd: Fd): void;
  duplicate(fd: Fd, onto: Fd): void;
  /** A pipe without a name, both ends close-on-exec. */
  makePipe(): { readonly read: Fd; readonly write: Fd };
  getRlimit(resource: number): Rlimit;
  setRlimit(resource: number, limit: Rlimit): void;
  /** What the next program sees for a signal number: SIG_DFL or SIG_IGN. */
  setSignalDisposition(signal: number, disposition: 'default' | 'ignore'): void;
  /** Empties the set of blocked signals, or blocks exactly those given. */
  setBlockedSignals(signals: readonly number[]): void;
  /** prctl(2). @returns the call's result */
  prctl(option: number, arg2?: number, arg3?: number): number;
  /** These three change the calling thread only: for who is about to execve, which ends all others. */
  setGroups(gids: readonly number[]): void;
  setGid(gid: number): void;
  setUid(uid: number): void;
  setHostname(name: string): void;
  /** Brings up a network interface in the thread's network namespace: netdevice(7). */
  raiseInterface(name: string): void;
  /**
   * A new pseudo terminal, whose descriptor does not block.
   * @param devpts the folder where a devpts is mounted; the other end is `number` in there
   */
  openTerminal(devpts: string): { readonly master: Fd; readonly number: number };
  /** Tells a terminal how large its window is; who runs on it gets SIGWINCH. */
  setWindowSize(fd: Fd, size: WindowSize): void;
  /** Has a terminal pass everything on as it is, in both directions. @returns its settings before, for `setTerminal` */
  makeTerminalRaw(fd: Fd): Uint8Array;
  setTerminal(fd: Fd, settings: Uint8Array): void;
  /** Starts a new session; undefined errors when the caller leads a group already. */
  newSession(): void;
  /** Flushes the file system that holds an open descriptor. */
  syncFs(fd: Fd): void;
  umask(mask: number): number;
  /** Sends a signal to a process by number. */
  kill(pid: number, signal: number): void;
  /**
   * Marks a directory for as long as the descriptor is open, close-on-exec: the
   * kernel waits up to 16 ms when it takes a directory's last mark away, be it
   * one of inotify(7) or of fanotify(7), and this one tells of nothing.
   */
  markDirectory(path: string): Fd;
  /** A descriptor that refers to a process. */
  pidfdOpen(pid: number): Fd;
  /**
   * Starts a program away from this one: in `/`, with /dev/null as its standard
   * streams, default signal dispositions and no signal blocked; other
   * descriptors as execve leaves them. `Exec` can do more, but the part of Node
   * that it stands on takes as long to load as a short program takes to run.
   * @returns the process's number, to be reaped
   */
  spawn(program: Program): number;
  /** Waits for the end of a program that `spawn` started. @returns its exit status, or 128 and the signal that ended it */
  reap(pid: number): number;
  /**
   * Waits for the end of a process, on another thread.
   * @param process what `pidfdOpen` gave
   * @returns whether it has ended within the time
   */
  processEnd(process: Fd, timeoutMs: number): Promise<boolean>;
  /**
   * Replaces this process. Does not return.
   * @param env the whole environment of the new program
   */
  execve(path: string, argv: readonly string[], env: Readonly<Record<string, string>>): never;
}
