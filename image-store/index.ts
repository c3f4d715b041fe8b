export type { Ingest, IngestedBlob, IngestLimits } from './blobs/ingest.ts';
export type { GcOptions, GcReport } from './gc/collect.ts';
export type { InUse, InUseProbe } from './gc/in-use.ts';
export type { Lease } from './gc/lease.ts';
export type { Acceptance, ImageRecord, RemoteRecord } from './index/image-record.ts';
export type { RebuildReport } from './index/rebuild.ts';
export { type ImageStore, openImageStore, type StoreOptions } from './store.ts';
