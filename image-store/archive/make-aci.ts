import { createWriteStream, mkdtempSync, openSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { GantryError } from '#base/errors/gantry-error';
import type { Exec, ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { removePath } from '#base/fs/remove-path';
import type { Fd } from '#base/kernel/kernel';
import { formatImageManifest, type ImageManifest } from '#schema/image/image-manifest';
import { targetError } from './target-error.ts';

/** What an ACI is made of. */
export interface AciParts {
  /** The directory that becomes its root file system. */
  readonly rootfs: string;
  readonly manifest: ImageManifest;
  /** The file that is written; it must not be there. */
  readonly target: string;
  /** Plain tar unless told. */
  readonly compression?: 'none' | 'gzip' | undefined;
}

/** What was made. */
export interface MadeAci {
  /** Sockets, which no archive can hold: what listens on them makes them anew. */
  readonly leftOut: readonly string[];
}

/**
 * Makes an ACI of a directory, with GNU tar: owners by number, all extended
 * attributes, device nodes, hard links, sparse files, times to the nanosecond.
 * The same directory gives the same bytes.
 * @throws GantryError TARGET_*, ACI_NOT_MADE, EXEC_FAILED, IMAGE_MANIFEST_INVALID
 */
export async function makeAci(exec: Exec, parts: AciParts): Promise<MadeAci> {
  const fd = openTarget(parts.target);
  const folder = mkdtempSync(join(tmpdir(), 'gantry-aci-'));
  try {
    const manifest = join(folder, 'manifest');
    writeFileSync(manifest, formatImageManifest(parts.manifest), { mode: 0o644 });
    utimesSync(manifest, 0, 0);

    return await archive(exec, parts, { folder, fd });
  } catch (error) {
    removePath(parts.target, { force: true });
    throw targetError(error, `make "${parts.target}"`);
  } finally {
    removePath(folder, { recursive: true });
  }
}

interface Outputs {
  /** Holds the manifest. */
  readonly folder: string;
  /** The target, open for writing; closed at the end. */
  readonly fd: Fd;
}

function openTarget(target: string): Fd {
  try {
    return openSync(target, 'wx', 0o644);
  } catch (error) {
    throw targetError(error, `make "${target}"`);
  }
}

async function archive(exec: Exec, parts: AciParts, { folder, fd }: Outputs): Promise<MadeAci> {
  const tar = exec.stream({
    argv: tarCommand(parts.rootfs, folder),
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
  tar.stdin.end();
  try {
    await pipeline(tar.stdout, compressor(parts.compression), createWriteStream('', { fd }));
  } catch (error) {
    tar.kill('SIGKILL');
    await tar.ended;
    throw error;
  }

  return { leftOut: leftOut(await tar.ended, parts) };
}

/**
 * `flags=rhS` of the transformation: names of entries and targets of hard links
 * are changed, targets of symbolic links are not.
 */
function tarCommand(rootfs: string, folder: string): [string, ...string[]] {
  return [
    'tar',
    '--create',
    '--file=-',
    '--format=pax',
    '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--sparse',
    '--sparse-version=0.0',
    '--sort=name',
    '--transform=flags=rhS;s,^\\.,rootfs,',
    `--directory=${folder}`,
    'manifest',
    `--directory=${resolve(rootfs)}`,
    '.',
  ];
}

function compressor(compression: AciParts['compression']): Transform {
  return compression === 'gzip' ? createGzip() : new PassThrough();
}

/** tar says which sockets it left out and calls that a success; anything else it says is a failure. */
function leftOut(result: ExecResult, { target }: AciParts): readonly string[] {
  demandSuccess(result, `make "${target}"`);
  const lines = result.stderr.split('\n').filter(Boolean);
  const sockets = lines.map((line) => /^tar: (.*): socket ignored$/.exec(line)?.[1]);
  const other = lines.find((_, index) => sockets[index] === undefined);
  if (other !== undefined)
    throw new GantryError('ACI_NOT_MADE', `cannot make "${target}": ${other}`);

  return sockets.filter((socket) => socket !== undefined);
}
