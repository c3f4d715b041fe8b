export { type BlobExport, exportBlob } from './export-blob.ts';
export { type ArchiveLimits, DEFAULT_ARCHIVE_LIMITS } from './limits.ts';
export { type AciParts, type MadeAci, makeAci } from './make-aci.ts';
export {
  type ArchiveTarget,
  demandWritable,
  refuseTerminal,
  writeTarget,
} from './write-target.ts';
