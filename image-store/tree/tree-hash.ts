import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, openSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from '#base/kernel/kernel';
import { CONTENT_DIGEST } from '../archive/digest-contents.ts';
import { type WalkedEntry, walkTree } from './walk.ts';

/** Attributes that the host's policy sets, not the image. */
const HOST_ATTRIBUTES: ReadonlySet<string> = new Set(['security.selinux']);
const CHUNK = 256 * 1024;

/**
 * The hash of a whole tree: names, types, modes, owners, sizes, link targets,
 * which names are one file, device numbers, extended attributes and contents;
 * no times and no inode numbers, so that it is the same on every machine.
 */
export interface TreeHasher {
  /** Adds the next entry of `walkTree`. */
  add(entry: WalkedEntry): void;
  /** `sha512-` and 128 hexadecimal digits. */
  digest(): string;
}

export interface TreeHashOptions {
  readonly kernel: Kernel;
  readonly root: string;
  /** The digest of a file's content when it is known already; otherwise the file is read. */
  readonly known?: ((path: string) => Buffer | undefined) | undefined;
}

/** Begins the hash of a tree. */
export function createTreeHasher(options: TreeHashOptions): TreeHasher {
  const hash: Hash = createHash('sha512').update('gantry tree 1\n');
  const linked = new Map<bigint, LinkedFile>();

  return {
    add(entry) {
      hash.update(`${JSON.stringify(describe(entry, options, linked))}\n`);
    },
    digest: () => `sha512-${hash.digest('hex')}`,
  };
}

/** Walks a tree and hashes all of it. */
export function hashTree(kernel: Kernel, root: string): string {
  const hasher = createTreeHasher({ kernel, root });
  for (const entry of walkTree(kernel, root)) hasher.add(entry);

  return hasher.digest();
}

interface LinkedFile {
  readonly path: string;
  readonly content: string;
}

function describe(
  { path, stat }: WalkedEntry,
  options: TreeHashOptions,
  linked: Map<bigint, LinkedFile>,
): readonly unknown[] {
  const common = [path, stat.kind, stat.mode, stat.uid, stat.gid, attributes(path, options)];
  switch (stat.kind) {
    case 'file':
      return [...common, stat.size, ...fileContent({ path, stat }, options, linked)];
    case 'symlink':
      return [...common, readlinkSync(join(options.root, path))];
    case 'char':
    case 'block':
      return [...common, stat.major, stat.minor];
    default:
      return common;
  }
}

/** The digest of a file and the first name it has, when it has several. */
function fileContent(
  { path, stat }: Pick<WalkedEntry, 'path' | 'stat'>,
  { root, known }: TreeHashOptions,
  linked: Map<bigint, LinkedFile>,
): readonly string[] {
  const first = stat.links > 1 ? linked.get(stat.inode) : undefined;
  if (first !== undefined) return [first.content, first.path];

  const content = (known?.(path) ?? digestFile(join(root, path))).toString('hex');
  if (stat.links > 1) linked.set(stat.inode, { path, content });
  return [content];
}

function attributes(
  path: string,
  { kernel, root }: TreeHashOptions,
): readonly (readonly string[])[] {
  const full = join(root, path);
  return kernel
    .listXattrs(full)
    .filter((name) => !HOST_ATTRIBUTES.has(name))
    .sort()
    .map((name) => [name, kernel.getXattr(full, name)?.toString('base64') ?? '']);
}

const chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK);

function digestFile(path: string): Buffer {
  const hash = createHash(CONTENT_DIGEST);
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    for (let got = readSync(fd, chunk); got > 0; got = readSync(fd, chunk)) {
      hash.update(chunk.subarray(0, got));
    }
  } finally {
    closeSync(fd);
  }

  return hash.digest();
}
