import { closeSync, fchmodSync, fsyncSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '#base/fs/atomic';
import { STORE_FILE_MODE } from '../format/permissions.ts';
import { formatKeeping, type Keeping } from '../index/acceptance.ts';
import { formatRecord, type StoredRecord } from '../index/stored-record.ts';

/** How the names of the folders in tmp/ begin in which images are taken in. */
export const INCOMING_PURPOSE = 'ingest';

/** The files in such a folder. */
export const INCOMING = {
  blob: 'blob',
  /** Of an OCI image, whose `blob` is its configuration. */
  ociManifest: 'oci-manifest',
  keeping: 'acceptance',
  manifest: 'manifest',
  marker: 'marker',
  /** Written last: from then on the image is decided upon, and whoever sweeps finishes what was begun. */
  record: 'record',
} as const;

/** All that is written down of an image beside its blob. */
export interface Decision {
  readonly record: StoredRecord;
  readonly keeping: Keeping;
  readonly manifestText: string;
}

/**
 * Writes down, durably, that an image is to be in the store. Everything that
 * needs space on the disk happens here, before anything becomes visible.
 * @param folder the image's folder in tmp/; its blob is there and synced, or in its place already
 */
export function writeDecision(folder: string, { record, keeping, manifestText }: Decision): void {
  writeSynced(join(folder, INCOMING.manifest), manifestText);
  writeSynced(join(folder, INCOMING.keeping), formatKeeping(keeping));
  writeSynced(join(folder, INCOMING.marker), '');
  // Its fsync of the folder makes the names of the others durable too.
  writeFileAtomic(join(folder, INCOMING.record), formatRecord(record), { mode: STORE_FILE_MODE });
}

function writeSynced(path: string, text: string): void {
  const fd = openSync(path, 'wx', STORE_FILE_MODE);
  try {
    fchmodSync(fd, STORE_FILE_MODE);
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
