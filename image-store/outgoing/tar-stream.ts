import { Header } from 'tar/header';
import { Pax } from 'tar/pax';
import { inOnePiece } from '../work/in-one-piece.ts';

/** A file of an archive. */
export interface ArchiveMember {
  readonly name: string;
  /** Bytes, exactly as many as `open` gives. */
  readonly size: number;
  readonly open: () => AsyncIterable<Buffer>;
}

const BLOCK = 512;

/**
 * A tar archive of plain files, as it is read; the same files give the same
 * bytes. The memory of the chunks is the reader's.
 */
export async function* tarStream(
  members: Iterable<ArchiveMember>,
): AsyncGenerator<Buffer, void, undefined> {
  for (const { name, size, open } of members) {
    yield headerOf(name, size);
    let done = 0;
    for await (const chunk of open()) {
      done += chunk.length;
      yield chunk;
    }
    if (done !== size) throw new Error(`"${name}" has ${done} bytes, not ${size}`);
    const rest = size % BLOCK;
    if (rest > 0) yield Buffer.alloc(BLOCK - rest);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** A document as a member. */
export function documentMember(name: string, document: unknown): ArchiveMember {
  return bytesMember(name, Buffer.from(JSON.stringify(document)));
}

/** Bytes as a member. */
export function bytesMember(name: string, bytes: Buffer): ArchiveMember {
  return { name, size: bytes.length, open: () => inOnePiece(bytes) };
}

function headerOf(path: string, size: number): Buffer {
  const fields = { path, size, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) };
  const header = new Header({ ...fields, type: 'File', uname: '', gname: '' });
  const block = Buffer.alloc(BLOCK);
  // What does not fit into the old fields goes into a header before.
  return header.encode(block, 0) ? Buffer.concat([new Pax({ path, size }).encode(), block]) : block;
}
