import { readFileSync } from 'node:fs';
import { Header, type HeaderData } from 'tar';

/** One entry of an archive built header by header, however wrong. */
export interface TarEntry {
  readonly path: string;
  /** The type flag; `0`, a file, unless told. */
  readonly flag?: string;
  readonly body?: string | Buffer;
  /** What the header says the size is; the body's unless told. */
  readonly size?: number;
  readonly linkPath?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds since 1970. */
  readonly mtime?: number;
  readonly device?: readonly [major: number, minor: number];
  /** Records of a PAX header in front of the entry. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Changes the header block; its check sum is made right afterwards. */
  readonly patch?: (block: Buffer) => void;
}

const BLOCK = 512;

/** A manifest that every check accepts. */
export const MANIFEST: string = JSON.stringify({
  acKind: 'ImageManifest',
  acVersion: '0.8.11',
  name: 'example.com/hostile',
  labels: [
    { name: 'os', value: 'linux' },
    { name: 'arch', value: 'amd64' },
  ],
});

/** The bytes of an archive with its end mark. */
export function tarOf(...entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(tarEntry), Buffer.alloc(2 * BLOCK)]);
}

/** The bytes of an ACI: a manifest, `rootfs/`, and these entries. */
export function aciOf(...entries: readonly TarEntry[]): Buffer {
  return tarOf({ path: 'manifest', body: MANIFEST }, directory('rootfs/'), ...entries);
}

export const directory = (path: string): TarEntry => ({ path, flag: '5', mode: 0o755 });
export const symlink = (path: string, linkPath: string): TarEntry => ({
  path,
  flag: '2',
  linkPath,
});
export const hardLink = (path: string, linkPath: string): TarEntry => ({
  path,
  flag: '1',
  linkPath,
});

/** This machine's static busybox, and links to it for some of its applets. */
export const busyboxEntries = (...applets: readonly string[]): readonly TarEntry[] => [
  { path: 'bin/busybox', body: readFileSync('/bin/busybox'), mode: 0o755 },
  ...applets.map((name) => symlink(`bin/${name}`, 'busybox')),
];

/** The bytes of one entry. */
export function tarEntry(entry: TarEntry): Buffer {
  const body = Buffer.from(entry.body ?? '');
  const pax = entry.pax === undefined ? [] : [paxEntry(entry.pax)];

  return Buffer.concat([...pax, headerBlock(entry, body.length), padded(body)]);
}

/** A PAX header with these records as an entry of its own. */
export function paxEntry(records: Readonly<Record<string, string | Buffer>>, flag = 'x'): Buffer {
  const body = Buffer.concat(
    Object.entries(records).map(([key, value]) => paxRecord(key, Buffer.from(value))),
  );

  return Buffer.concat([headerBlock({ path: 'PaxHeaders/x', flag }, body.length), padded(body)]);
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) {
    length = String(length).length + rest.length;
  }

  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function headerBlock(entry: TarEntry, bodyLength: number): Buffer {
  const [devmaj, devmin] = entry.device ?? [0, 0];
  const data: HeaderData = {
    path: entry.path,
    mode: entry.mode ?? 0o644,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    size: entry.size ?? bodyLength,
    mtime: new Date((entry.mtime ?? 0) * 1000),
    type: 'File',
    linkpath: entry.linkPath ?? '',
    devmaj,
    devmin,
  };
  const block = Buffer.alloc(BLOCK);
  new Header(data).encode(block, 0);
  block.write(entry.flag ?? '0', 156);
  entry.patch?.(block);

  return withCheckSum(block);
}

/** Makes the check sum of a header block right. */
export function withCheckSum(block: Buffer): Buffer {
  block.write('        ', 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);

  return block;
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}
