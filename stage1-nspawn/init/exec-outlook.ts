import { closeSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { resolveInside } from '#base/fs/inside';
import { EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, tooLongToPass, type WorkingDirectory } from '#stage1';
import { closedFolder, mayExecute, type Runner } from './closed-folder.ts';

/** Why a program will not start: what a shell would say of it, and why. */
export interface ExecObstacle {
  readonly status: typeof EXIT_NOT_EXECUTABLE | typeof EXIT_NOT_FOUND;
  readonly message: string;
}

/** What of a program tells how the kernel will take it, fs/binfmt_script.c and fs/binfmt_elf.c. */
const HEAD_BYTES = 4096;
const ELF_MAGIC = 0x7f454c46;
/** Elf64_Ehdr and Elf64_Phdr, elf(5). */
const ELF = {
  class: 4,
  machine: 18,
  programHeaders: 32,
  programHeaderSize: 54,
  programHeaderCount: 56,
  headerBytes: 64,
} as const;
const CLASS_64 = 2;
const PT_INTERP = 3;

/** What is to be executed. */
export interface ExecRequest {
  /** Of the program, absolute inside the app. */
  readonly path: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Foresees that somebody may not enter a working directory that is there.
 * @param root the app's root file system, with its mounts
 */
export function foreseeEntry(
  root: string,
  { app, workingDir }: WorkingDirectory,
  runner: Runner,
): ExecObstacle | undefined {
  const why = closedFolder(root, `${workingDir}/.`, runner);
  if (why === undefined) return undefined;

  const message = `cannot run app "${app}" in "${workingDir}": ${why}`;
  return { status: EXIT_NOT_EXECUTABLE, message };
}

/**
 * Foresees what execve(2) will refuse in a file that is there and executable
 * for somebody. systemd says 203 for all of it, and of several reasons at once
 * it cannot be asked; what is foreseen is looked at only after such a 203, so
 * that a host which runs foreign programs (binfmt_misc) is none the worse.
 * @param root the app's root file system, with its mounts
 */
export function foreseeExec(
  root: string,
  { path, argv, environment }: ExecRequest,
  runner: Runner,
): ExecObstacle | undefined {
  const outside = resolveInside(root, path);
  const denied = closedFolder(root, path, runner);
  if (denied !== undefined) return refusal(path, denied);
  if (!mayExecute(statSync(outside), runner)) return refusal(path, 'permission denied');
  const tooLong = tooLongToPass(argv, environment);
  if (tooLong !== undefined) return refusal(path, tooLong);

  const head = readHead(outside);
  const wanted = interpreterOf(head);
  if (wanted === 'foreign') return refusal(path, 'not a program for this machine');
  if (wanted === undefined) return undefined;

  const interpreter = statInside(root, wanted);
  if (interpreter === undefined) {
    const message = `cannot execute "${path}": the interpreter "${wanted}" is not in the image`;
    return { status: EXIT_NOT_FOUND, message };
  }
  return mayExecute(interpreter, runner) && closedFolder(root, wanted, runner) === undefined
    ? undefined
    : refusal(path, `the interpreter "${wanted}" is not executable`);
}

/** What an image names as an interpreter need not even be a path. */
function statInside(root: string, path: string): Stats | undefined {
  try {
    return statSync(resolveInside(root, path));
  } catch {
    return undefined;
  }
}

function refusal(path: string, why: string): ExecObstacle {
  return { status: EXIT_NOT_EXECUTABLE, message: `cannot execute "${path}": ${why}` };
}

function readHead(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}

/** What a program names to be run by; undefined when it needs none; `foreign` when the kernel knows no such format. */
function interpreterOf(head: Buffer): string | undefined {
  if (head.subarray(0, 2).toString() === '#!') {
    return /^#![ \t]*([^ \t\n]+)/.exec(head.toString())?.[1] ?? 'foreign';
  }
  if (head.length < ELF.headerBytes || head.readUInt32BE(0) !== ELF_MAGIC) return 'foreign';

  const own = readHead('/proc/self/exe');
  if (head.readUInt16LE(ELF.machine) !== own.readUInt16LE(ELF.machine)) {
    // A 64-bit kernel may run 32-bit programs; whether this one does it will say itself.
    return head[ELF.class] === CLASS_64 ? 'foreign' : undefined;
  }
  return elfInterpreter(head);
}

function elfInterpreter(head: Buffer): string | undefined {
  const first = Number(head.readBigUInt64LE(ELF.programHeaders));
  const size = head.readUInt16LE(ELF.programHeaderSize);
  const count = head.readUInt16LE(ELF.programHeaderCount);
  for (let at = first; at < first + size * count && at + 40 <= head.length; at += size) {
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const start = Number(head.readBigUInt64LE(at + 8));
    const bytes = Number(head.readBigUInt64LE(at + 32));
    return (
      head
        .subarray(start, start + bytes)
        .toString()
        .replace(/\0.*$/s, '') || undefined
    );
  }

  return undefined;
}
