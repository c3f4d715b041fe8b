export { formatImageName, type ImageName, parseImageName } from './image-name.ts';
export { parseReference, type ReferenceOptions } from './parse-reference.ts';
export type {
  HashReference,
  NameReference,
  PathReference,
  Reference,
  UrlReference,
} from './reference.ts';
export {
  asRegistryReference,
  formatLocalReference,
  formatRegistryReference,
  type LocalForm,
  type LocalReference,
  type RegistryReference,
} from './oci-reference.ts';
