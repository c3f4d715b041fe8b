import type { MadeAci } from '../archive/make-aci.ts';
import type { FetchContext } from '../fetch/request.ts';
import type { AciExport } from './image-aci.ts';
import type { ArchiveRequest } from './image-archive.ts';
import type { PushRequest } from './push-image.ts';

export type { AciExport } from './image-aci.ts';
export type { ArchiveFormat, ArchiveRequest } from './image-archive.ts';
export type { PushRequest } from './push-image.ts';

// What they need is loaded by those who hand out images alone.

/** As `pushImage` in `push-image.ts`. */
export async function pushImage(request: PushRequest, context: FetchContext): Promise<string> {
  return await (await import('./push-image.ts')).pushImage(request, context);
}

/** As `imageArchive` in `image-archive.ts`. */
export async function* imageArchive(
  request: ArchiveRequest,
): AsyncGenerator<Buffer, void, undefined> {
  yield* (await import('./image-archive.ts')).imageArchive(request);
}

/** As `exportAsAci` in `image-aci.ts`. */
export async function exportAsAci(request: AciExport): Promise<MadeAci> {
  return await (await import('./image-aci.ts')).exportAsAci(request);
}
