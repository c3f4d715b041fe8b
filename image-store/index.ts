export type { Ingest, IngestedBlob, IngestLimits } from './blobs/ingest.ts';
export type { Acceptance, ImageRecord, RemoteRecord } from './index/image-record.ts';
export { type ImageStore, openImageStore, type StoreOptions } from './store.ts';
