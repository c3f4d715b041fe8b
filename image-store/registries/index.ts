export { imagesMeant } from './images-meant.ts';
export { openRegistries } from './open-registries.ts';
