import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { createLog, type LogEvent } from '#base/log/log';
import { type ImageManifest, parseImageManifest } from '#schema/image/image-manifest';
import { type ImageKey, imageKeyOf } from '#schema/types/image-hash';
import { openTrees, type Trees, type TreesOptions } from '../../image-store/tree/open-trees.ts';
import type { Tree } from '../../image-store/tree/tree.ts';
import type { ImageSource, TreePlan } from '../../image-store/tree/tree-plan.ts';
import { directory, type TarEntry, tarOf } from './hostile-tar.ts';
import { WORKERS } from './test-store.ts';

/** What one image of a fixture is made of. */
export interface FixtureImage {
  readonly entries?: readonly TarEntry[];
  /** An archive in place of entries. */
  readonly blob?: string;
  readonly dependencies?: readonly string[];
  readonly pathWhitelist?: readonly string[];
  /** Whether it is an image that can be run. */
  readonly app?: boolean;
}

/** Rendered trees over images that are described in a test. */
export interface TreeFixture {
  /** Of its own, removed at the end. */
  readonly dir: string;
  /** The store's folder. */
  readonly cas: string;
  readonly trees: Trees;
  readonly events: readonly LogEvent[];
  /** Adds an image; its name is how others depend on it. */
  add(name: string, image: FixtureImage): void;
  plan(name: string): TreePlan;
  render(name: string): Promise<Tree>;
  cleanUp(): void;
}

/** Makes a store's folder with nothing in it. */
export function makeTreeFixture(options: Partial<TreesOptions> = {}): TreeFixture {
  const dir = mkdtempSync(join(tmpdir(), 'trees-'));
  const cas = join(dir, 'cas');
  mkdirSync(join(cas, 'tmp'), { recursive: true });
  const events: LogEvent[] = [];
  const images = new Map<string, KnownImage>();
  const trees = openTrees({
    dir: cas,
    kernel: linuxKernel,
    exec: nodeExec,
    log: createLog((event) => void events.push(event)),
    workers: WORKERS,
    ...options,
  });
  const plan = (name: string): TreePlan => trees.plan(keyOf(name, images), sourceOf(images));

  return {
    dir,
    cas,
    trees,
    events,
    add(name, image) {
      const manifest = manifestText(name, image);
      const blob = image.blob ?? join(dir, `${name}.tar`);
      if (image.blob === undefined) {
        const entries = image.entries ?? [];
        const archive = [{ path: 'manifest', body: manifest }, directory('rootfs'), ...entries];
        writeFileSync(blob, tarOf(...archive));
      }
      images.set(name, { blob, manifest: parseImageManifest(manifest) });
    },
    plan,
    render: async (name) => await trees.render(plan(name)),
    cleanUp: () => rmSync(dir, { recursive: true }),
  };
}

interface KnownImage {
  readonly blob: string;
  readonly manifest: ImageManifest;
}

function sourceOf(images: ReadonlyMap<string, KnownImage>): ImageSource {
  const byKey = new Map([...images].map(([name, image]) => [keyOf(name, images), image]));
  const get = (key: ImageKey): KnownImage => {
    const image = byKey.get(key);
    if (image === undefined) throw new Error(`no image ${key}`);
    return image;
  };

  return {
    manifest: (key) => get(key).manifest,
    blobPath: (key) => get(key).blob,
    layersOf: () => undefined,
    resolve: ({ imageName }) => keyOf(imageName, images),
  };
}

/** Of its archive as it is now; where there is none yet, of its name. */
function keyOf(name: string, images: ReadonlyMap<string, KnownImage>): ImageKey {
  const blob = images.get(name)?.blob ?? '';
  const bytes = existsSync(blob) ? readFileSync(blob) : name;

  return imageKeyOf(createHash('sha512').update(bytes).digest());
}

function manifestText(
  name: string,
  { dependencies = [], pathWhitelist = [], app = false }: FixtureImage,
): string {
  return JSON.stringify({
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name,
    labels: [
      { name: 'os', value: 'linux' },
      { name: 'arch', value: 'amd64' },
    ],
    dependencies: dependencies.map((imageName) => ({ imageName })),
    pathWhitelist,
    ...(app ? { app: { exec: ['/a'], user: '0', group: '0' } } : {}),
  });
}

/** Everything about the entries of a tree that must survive, by path. */
export function snapshot(root: string): Readonly<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  const names = new Map<bigint, string>();
  const visit = (path: string): void => {
    const full = join(root, path);
    const stat = lstatSync(full, { bigint: true });
    const first = names.get(stat.ino) ?? path;
    names.set(stat.ino, first);
    found[path === '' ? '.' : path] = {
      mode: stat.mode.toString(8),
      owner: `${stat.uid}:${stat.gid}`,
      size: stat.isDirectory() ? 0n : stat.size,
      device: stat.rdev,
      modified: stat.mtimeNs,
      sameAs: first,
      target: stat.isSymbolicLink() ? readlinkSync(full) : undefined,
      content: stat.isFile() ? createHash('sha512').update(readFileSync(full)).digest('hex') : '',
      attributes: linuxKernel
        .listXattrs(full)
        .map((name) => `${name}=${linuxKernel.getXattr(full, name)?.toString('hex')}`)
        .sort(),
    };
    if (stat.isDirectory()) {
      for (const name of readdirSync(full).sort()) visit(path === '' ? name : `${path}/${name}`);
    }
  };
  visit('');

  return found;
}
