export { holdsAs, holdsByPolicy } from './acceptable.ts';
export { fetchImage } from './fetch-image.ts';
export type {
  CertificateFile,
  Credential,
  HostCredential,
  HttpOptions,
  HttpRetries,
  HttpTimeouts,
  Proxies,
} from './http-options.ts';
export type {
  FetchContext,
  FetchLimits,
  FetchOutcome,
  FetchRequest,
  FoundKeys,
  InsecureFetch,
  KeyQuestion,
  PullPolicy,
} from './request.ts';
export { discoverKeys, downloadKeys, type KeySourceOptions } from './key-source.ts';
export { type LoadRequest, loadImages } from './load-images.ts';
export type { FetchFailure } from './http-failure.ts';
