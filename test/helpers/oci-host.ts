import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { type Log, nullLog } from '#base/log/log';
import { fetchImage, type ImageStore, parseReference, type StoreOptions } from '#image-store';
import type { ImageKey } from '#schema/types/image-hash';
import { directory, tarOf } from './hostile-tar.ts';
import { type LayoutImage, makeLayout, type TestLayout, type WrittenImage } from './oci-layout.ts';
import { openTestStore } from './test-store.ts';
import { makeTrustHost } from './trust-host.ts';

/** The layers of {@link OciHost.only}. */
export const BASE_LAYER: Buffer = tarOf(directory('a'), { path: 'a/b', body: 'a/b' });
export const TOP_LAYER: Buffer = tarOf({ path: 'c', body: 'c' });

/** A store of a test's own, and an OCI layout to bring images from. */
export interface OciHost extends Disposable {
  readonly dir: string;
  readonly layout: TestLayout;
  readonly store: ImageStore;
  /** Closes the store and opens it again. */
  reopen(options?: Partial<StoreOptions>, whileClosed?: () => void): void;
  /** Writes the only image of the layout. */
  only(image?: Partial<LayoutImage>): WrittenImage;
  /** Fetches as `gantry fetch` does, unsigned images too unless `image` is false. */
  fetch(
    text: string,
    options?: { readonly image?: boolean; readonly log?: Log },
  ): Promise<ImageKey>;
}

export function openOciHost(): OciHost {
  const dir = mkdtempSync(join(tmpdir(), 'oci-'));
  const layout = makeLayout(join(dir, 'layout'));
  const trusted = makeTrustHost();
  let store = openTestStore(join(dir, 'cas'));

  return {
    dir,
    layout,
    get store() {
      return store;
    },
    reopen(options, whileClosed) {
      store.close();
      whileClosed?.();
      store = openTestStore(store.dir, options);
    },
    only(image = {}) {
      const written = layout.image({ layers: [BASE_LAYER, TOP_LAYER], ...image });
      layout.index({ it: written.descriptor });
      return written;
    },
    async fetch(text, { image = true, log = nullLog } = {}) {
      const { key } = await fetchImage(
        {
          reference: parseReference(text, { fileExists: () => false }),
          pullPolicy: 'new',
          insecure: { image, tls: false, http: false, pubkey: false },
        },
        { store, trust: trusted.trust, kernel: linuxKernel, exec: nodeExec, log },
      );
      return key;
    },
    [Symbol.dispose]() {
      store.close();
      trusted[Symbol.dispose]();
      rmSync(dir, { recursive: true });
    },
  };
}
