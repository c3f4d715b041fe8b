import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import { parseOciConfig } from '#schema/oci/config';
import { aciOfOci } from '#schema/oci/to-aci';
import type { ImageKey } from '#schema/types/image-hash';
import { type MadeAci, makeAci } from '../archive/make-aci.ts';
import { type ArchiveTarget, demandWritable } from '../archive/write-target.ts';
import { makeTempEntry } from '../blobs/temp-entry.ts';
import type { ImageStore } from '../store.ts';

/** An OCI image that becomes an ACI. */
export interface AciExport {
  readonly store: ImageStore;
  readonly kernel: Kernel;
  readonly exec: Exec;
  /** Kept from being removed by the caller. */
  readonly key: ImageKey;
  readonly target: ArchiveTarget;
}

/**
 * Makes one ACI of an OCI image: its layers placed one over the other, its
 * configuration told in appc's terms.
 * @throws GantryError TARGET_*, ACI_NOT_MADE, and what extracting throws
 */
export async function exportAsAci(request: AciExport): Promise<MadeAci> {
  const { store, kernel, exec, key, target } = request;
  demandWritable(target);
  await store.verifyBlobs(key);
  const config = parseOciConfig(readFileSync(store.blobPath(key), 'utf8'), `configuration ${key}`);
  using entry = makeTempEntry(kernel, store.dir, 'export');
  const rootfs = join(entry.path, 'rootfs');
  await store.trees.extract(store.treePlan(key), { dir: rootfs, rootfsOnly: true });
  const manifest = aciOfOci(store.manifest(key), config);

  return await makeAci(exec, { rootfs, manifest, target });
}
