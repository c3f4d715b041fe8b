import { mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { GantryError } from '#base/errors/gantry-error';
import type { Exec, ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { removePath } from '#base/fs/remove-path';
import { formatImageManifest, type ImageManifest } from '#schema/image/image-manifest';
import { type ArchiveTarget, writeTarget } from './write-target.ts';

/** What an ACI is made of. */
export interface AciParts {
  /** The directory that becomes its root file system. */
  readonly rootfs: string;
  readonly manifest: ImageManifest;
  readonly target: ArchiveTarget;
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
  const leftOut: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'gantry-aci-'));
  try {
    const manifest = join(folder, 'manifest');
    writeFileSync(manifest, formatImageManifest(parts.manifest), { mode: 0o644 });
    utimesSync(manifest, 0, 0);
    await writeTarget(parts.target, archive(exec, parts, { folder, leftOut }));

    return { leftOut };
  } finally {
    removePath(folder, { recursive: true });
  }
}

interface Work {
  /** Holds the manifest. */
  readonly folder: string;
  readonly leftOut: string[];
}

async function* archive(
  exec: Exec,
  { rootfs, compression }: AciParts,
  { folder, leftOut }: Work,
): AsyncGenerator<Buffer, void, undefined> {
  const tar = exec.stream({
    argv: tarCommand(rootfs, folder),
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C' },
  });
  tar.stdin.end();
  let ended = false;
  try {
    const packed = compose(tar.stdout, compression);
    for await (const chunk of packed) yield chunk as Buffer;
    ended = true;
  } finally {
    if (!ended) tar.kill('SIGKILL');
    await tar.ended;
  }
  leftOut.push(...socketsIn(await tar.ended, rootfs));
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

function compose(plain: Readable, compression: AciParts['compression']): Readable {
  if (compression !== 'gzip') return plain;

  // Loaded here, for who makes none should not wait for it.
  const { createGzip } = process.getBuiltinModule('node:zlib');
  // A failure of either ends the other, and whoever reads is told.
  return pipeline(plain, createGzip(), () => {});
}

/** tar says which sockets it left out and calls that a success; anything else it says is a failure. */
function socketsIn(result: ExecResult, rootfs: string): readonly string[] {
  demandSuccess(result, `make an image of "${rootfs}"`);
  const lines = result.stderr.split('\n').filter(Boolean);
  const sockets = lines.map((line) => /^tar: (.*): socket ignored$/.exec(line)?.[1]);
  const other = lines.find((_, index) => sockets[index] === undefined);
  if (other !== undefined)
    throw new GantryError('ACI_NOT_MADE', `cannot make an image of "${rootfs}": ${other}`);

  return sockets.filter((socket) => socket !== undefined);
}
