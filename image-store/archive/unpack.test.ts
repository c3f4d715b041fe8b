import { randomBytes } from 'node:crypto';
import { constants, crc32, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { tinyAci } from '../../test/helpers/tiny-aci.ts';
import { MAGIC_BYTES, packingOf } from './magic.ts';
import { unpack } from './unpack.ts';

const ACI = tinyAci({ name: 'example.com/app', files: { data: randomBytes(1_000_000) } });
const options = { exec: nodeExec, what: 'image "x"' };

const PACKERS = {
  plain: (data: Buffer) => data,
  gzip: (data: Buffer) => gzipSync(data),
  zstd: (data: Buffer) =>
    zstdCompressSync(data, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  xz: async (data: Buffer) => await packedBy('xz', data),
  bzip2: async (data: Buffer) => await packedBy('bzip2', data),
};

async function packedBy(program: string, input: Buffer): Promise<Buffer> {
  const env = { PATH: '/usr/bin:/bin' };
  return (await nodeExec.run({ argv: [program, '-c'], env, input })).stdout;
}

/** One block, as it is, in a frame of a window of 2 ** `log` bytes (RFC 8878, 3.1.1.1.2). */
function zstdOfWindow(log: number): Buffer {
  const frame = [0x28, 0xb5, 0x2f, 0xfd, 0, (log - 10) << 3];
  const content = Buffer.from('hello');

  return Buffer.concat([Buffer.from([...frame, (content.length << 3) | 1, 0, 0]), content]);
}

/** The data, whose first block says that its dictionary is larger (The .xz File Format, 3.1 and 5.3.1). */
function xzOfDictionary(size: number, data: Buffer): Buffer {
  const changed = Buffer.from(data);
  const block = changed.subarray(12);
  const end = (block.readUInt8() + 1) * 4 - 4;
  block.writeUInt8(size, 4);
  block.writeUInt32LE(crc32(block.subarray(0, end)), end);

  return changed;
}

const kinds = Object.keys(PACKERS) as (keyof typeof PACKERS)[];
const packed = await Promise.all(
  kinds.map(async (kind) => [kind, await PACKERS[kind](ACI)] as const),
);
const compressed = packed.filter(([kind]) => kind !== 'plain');

async function* pieces(data: Buffer, size = 5000): AsyncGenerator<Buffer, void, undefined> {
  for (let at = 0; at < data.length; at += size) yield Buffer.from(data.subarray(at, at + size));
}

async function unpacked(data: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of unpack(pieces(data), options)) chunks.push(chunk);

  return Buffer.concat(chunks);
}

const whole = await packedBy('xz', ACI);

describe('unpack()', () => {
  it.each(packed)('unpacks %s', async (kind, data) => {
    expect(packingOf(data.subarray(0, MAGIC_BYTES))).toBe(kind);
    expect((await unpacked(data)).equals(ACI)).toBe(true);
  });

  it.each(compressed)('unpacks %s of several streams one after the other', async (kind, data) => {
    const rest = await PACKERS[kind](Buffer.from('the rest'));

    expect(
      (await unpacked(Buffer.concat([data, rest]))).equals(
        Buffer.concat([ACI, Buffer.from('the rest')]),
      ),
    ).toBe(true);
  });

  it.each(compressed)('refuses %s that ends too early', async (_, data) => {
    await expect(unpacked(data.subarray(0, data.length - 20))).rejects.toMatchObject({
      code: 'ARCHIVE_TRUNCATED',
    });
  });

  it.each(compressed)('refuses %s that is damaged', async (_, data) => {
    const damaged = Buffer.from(data);
    damaged.fill(0x55, 300_000, 300_400);

    await expect(unpacked(damaged)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it.each(compressed.filter(([kind]) => kind !== 'xz'))(
    'refuses garbage behind %s',
    async (_, data) => {
      for (const garbage of [Buffer.from('garbage'), Buffer.alloc(1024)]) {
        await expect(unpacked(Buffer.concat([data, garbage]))).rejects.toMatchObject({
          code: 'ARCHIVE_TRAILING_GARBAGE',
        });
      }
    },
  );

  it('refuses garbage behind xz', async () => {
    for (const length of [1, 7, 11]) {
      const data = Buffer.concat([await PACKERS.xz(ACI), Buffer.alloc(length, 'garbage')]);

      await expect(unpacked(data)).rejects.toMatchObject({ code: 'ARCHIVE_TRAILING_GARBAGE' });
    }
    // From here on it is a header to xz.
    const data = Buffer.concat([await PACKERS.xz(ACI), Buffer.alloc(12, 'garbage')]);
    await expect(unpacked(data)).rejects.toMatchObject({ code: 'ARCHIVE_CORRUPT' });
  });

  it.each([
    ['zstd', zstdOfWindow(31), /zstd data needs a window of more than 128MiB/, /without --long/],
    ['xz', xzOfDictionary(34, whole), /more memory than 128MiB/, /dictionary/],
  ])('refuses %s that needs much memory, and does not call it damaged', async (...row) => {
    const [, data, state, hint] = row;

    await expect(unpacked(data)).rejects.toMatchObject({
      code: 'ARCHIVE_TOO_DEMANDING',
      message: expect.stringMatching(state),
      hint: expect.stringMatching(hint),
    });
  });

  it('unpacks zstd of as large a window as is allowed', async () => {
    expect((await unpacked(zstdOfWindow(27))).toString()).toBe('hello');
  });

  it('refuses xz whose second stream ends in its header', async () => {
    const data = await PACKERS.xz(ACI);
    for (const length of [1, 6, 11]) {
      await expect(unpacked(Buffer.concat([data, data.subarray(0, length)]))).rejects.toMatchObject(
        { code: 'ARCHIVE_TRUNCATED' },
      );
    }
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a web page', Buffer.from('\n <html>')],
    ['random bytes', randomBytes(5000)],
    ['zeros', Buffer.alloc(5000)],
    ['the beginning of a tar header', ACI.subarray(0, 300)],
  ])('refuses %s', async (_, data) => {
    await expect(unpacked(data)).rejects.toMatchObject({ code: 'ARCHIVE_UNKNOWN' });
  });

  it.each(packed)('ends everything when nobody wants the rest of %s', async (_, data) => {
    let ended = false;
    async function* source(): AsyncGenerator<Buffer, void, undefined> {
      try {
        yield* pieces(Buffer.concat([data, data]));
      } finally {
        ended = true;
      }
    }
    const chunks = unpack(source(), options);
    await chunks.next();
    await chunks.return();

    await expect.poll(() => ended).toBe(true);
  });

  it.each(packed)('passes on what goes wrong while %s comes', async (_, data) => {
    async function* source(): AsyncGenerator<Buffer, void, undefined> {
      yield Buffer.from(data.subarray(0, 20_000));
      throw Object.assign(new Error('gone'), { code: 'ECONNRESET' });
    }
    const read = async (): Promise<void> => {
      for await (const chunk of unpack(source(), options)) void chunk;
    };

    await expect(read()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('says which program is missing', async () => {
    const exec = {
      ...nodeExec,
      stream: (request: Parameters<typeof nodeExec.stream>[0]) =>
        nodeExec.stream({ ...request, argv: ['/nowhere/xz'] }),
    };
    const read = async (): Promise<void> => {
      for await (const chunk of unpack(pieces(await PACKERS.xz(ACI)), { ...options, exec }))
        void chunk;
    };

    await expect(read()).rejects.toMatchObject({
      code: 'EXEC_NOT_STARTED',
      hint: expect.stringContaining('install the program "xz"'),
    });
  });
});
