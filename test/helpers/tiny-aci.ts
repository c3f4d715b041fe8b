/** What a small archive is made of. */
export interface TinyAci {
  readonly name: string;
  readonly version?: string;
  /** Files by path inside the root file system. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** Merged into the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

const BLOCK = 512;

/** The bytes of an uncompressed ACI, without starting a program. The same description gives the same bytes. */
export function tinyAci({ name, version, files = {}, manifest = {} }: TinyAci): Buffer {
  const labels = [
    ...(version === undefined ? [] : [{ name: 'version', value: version }]),
    { name: 'os', value: 'linux' },
    { name: 'arch', value: 'amd64' },
  ];
  const text = JSON.stringify({
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name,
    labels,
    ...manifest,
  });

  return Buffer.concat([
    entry('manifest', '0', Buffer.from(text)),
    entry('rootfs/', '5', Buffer.alloc(0)),
    ...Object.entries(files).map(([path, data]) => entry(`rootfs/${path}`, '0', Buffer.from(data))),
    Buffer.alloc(2 * BLOCK),
  ]);
}

/** One entry in the ustar format, POSIX.1-1988. */
function entry(path: string, type: '0' | '5', data: Buffer): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0);
  header.write(type === '5' ? '0000755\0' : '0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(type, 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);

  const padding = Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK);
  return Buffer.concat([header, data, padding]);
}
