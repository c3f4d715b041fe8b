import type { ImageManifest } from '#schema/image/image-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import type { AppRequest } from '../operations/requests.ts';

/** An app of the command line with its image. */
export interface RequestedApp {
  readonly request: AppRequest;
  readonly image: { readonly key: ImageKey; readonly manifest: ImageManifest };
}
