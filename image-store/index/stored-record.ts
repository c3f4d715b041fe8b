import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { type ImageKey, parseImageKey } from '#schema/types/image-hash';
import type { Labels } from '#schema/types/labels';
import { type AcIdentifier, parseAcIdentifier } from '#schema/types/names';
import { ociParts } from './acceptance.ts';
import type { OciParts, RemoteRecord } from './image-record.ts';

/** The part of an image's record that its index file holds, all of it told by the blobs; time in ms since 1970. */
export interface StoredRecord {
  readonly key: ImageKey;
  readonly name: AcIdentifier;
  readonly labels: Labels;
  readonly importTime: number;
  readonly size: number;
  /** Undefined for an ACI. */
  readonly oci?: OciParts | undefined;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const recordSchema = v.object({
  key: v.string(),
  name: v.string(),
  labels: v.array(v.object({ name: v.string(), value: v.string() })),
  importTime: v.number(),
  size: count,
  oci: v.optional(ociParts),
});

const remoteSchema = v.object({
  url: v.string(),
  signatureUrl: v.string(),
  etag: v.optional(v.string()),
  key: v.string(),
  maxAge: v.optional(count),
  downloadTime: v.number(),
});

/** The text of an index file. */
export function formatRecord(record: StoredRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * Reads what `formatRecord` wrote.
 * @throws GantryError STORE_DAMAGED
 */
export function parseRecord(text: string, what: string): StoredRecord {
  const { key, name, labels, ...rest } = decodeJson(recordSchema, text, {
    what,
    code: 'STORE_DAMAGED',
    hint: 'have "gantry image gc" make it again, or fetch the image again',
  });

  return {
    ...rest,
    key: parseImageKey(key),
    name: parseAcIdentifier(name),
    labels: labels.map((label) => ({ name: parseAcIdentifier(label.name), value: label.value })),
  };
}

/** The text of a download's record. */
export function formatRemote(record: RemoteRecord): string {
  return `${JSON.stringify(record)}\n`;
}

/**
 * Reads what `formatRemote` wrote.
 * @throws GantryError STORE_DAMAGED
 */
export function parseRemote(text: string, what: string): RemoteRecord {
  const { key, ...rest } = decodeJson(remoteSchema, text, { what, code: 'STORE_DAMAGED' });

  return { ...rest, key: parseImageKey(key) };
}
