export { FLY_ENTRYPOINTS, flyManifest } from './aci/manifest.ts';
