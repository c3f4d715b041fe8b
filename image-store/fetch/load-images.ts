import type { Readable } from 'node:stream';
import type { ImageKey } from '#schema/types/image-hash';
import type { FetchContext, InsecureFetch } from './request.ts';

/** An archive of images to take in. */
export interface LoadRequest {
  /** A file of this machine, or what comes as it is read. */
  readonly from: string | Readable;
  readonly insecure: InsecureFetch;
  /** Told of each image while nobody can remove it. */
  readonly loaded: (key: ImageKey) => Promise<void>;
}

/** Where what comes by standard input is from, for policies and for who asks later. */
const STREAM = '/dev/stdin';

/**
 * Brings all images of an archive into the store, one after the other, each as
 * `fetch` brings one of an archive: the policy has to accept it.
 * @throws GantryError IMAGE_FILE_UNREADABLE, OCI_LAYOUT_INVALID, ARCHIVE_*, IMAGE_REJECTED, and what an image is refused for
 */
export async function loadImages(request: LoadRequest, context: FetchContext): Promise<void> {
  const { openSession } = await import('./session.ts');
  const { archiveFiles, streamedFiles } = await import('./oci/archive-files.ts');
  const { bringOci } = await import('./oci/bring-oci.ts');
  const { sourcesIn } = await import('./oci/load-archive.ts');
  const { from, insecure, loaded } = request;
  using session = openSession(context, { insecure });
  const path = typeof from === 'string' ? from : STREAM;
  const what = `archive "${path}"`;
  await using files =
    typeof from === 'string'
      ? await archiveFiles(session, from, what)
      : await streamedFiles(session, chunksOf(from), what);
  for (const source of await sourcesIn({ files, path })) {
    await loaded(await bringOci(session, source));
  }
}

async function* chunksOf(stream: Readable): AsyncGenerator<Buffer, void, undefined> {
  for await (const chunk of stream) yield chunk as Buffer;
}
