import type { ImageManifest } from '#schema/image/image-manifest';
import { makeLabels } from '#schema/types/labels';
import { parseAcIdentifier } from '#schema/types/names';
import { ENTRYPOINT_ANNOTATIONS, FEATURES_ANNOTATION, INTERFACE_VERSION_ANNOTATION } from '#stage1';

/** Name of the stage1 image of this flavor. */
const NAME = 'gantry.sh/stage1-fly';

/** Entrypoints and where they lie in the image; each is `stage1-fly/NAME/main.ts`, bundled. */
export const FLY_ENTRYPOINTS = {
  run: '/entrypoints/run.cjs',
  enter: '/entrypoints/enter.cjs',
  stop: '/entrypoints/stop.cjs',
  gc: '/entrypoints/gc.cjs',
} as const;

/** fly speaks version 5 of the contract, as rkt's did: it has no IPC namespace to choose. */
const INTERFACE = '5';

/** The manifest of the stage1 image. @param arch as appc labels it */
export function flyManifest(version: string, arch: string): ImageManifest {
  const annotations: Readonly<Record<string, string>> = {
    ...Object.fromEntries(
      Object.entries(FLY_ENTRYPOINTS).map(([name, path]) => [
        ENTRYPOINT_ANNOTATIONS[name as keyof typeof FLY_ENTRYPOINTS],
        path,
      ]),
    ),
    [INTERFACE_VERSION_ANNOTATION]: INTERFACE,
    // One app, the host's network and nothing isolated.
    [FEATURES_ANNOTATION]: 'enter-options',
  };

  return {
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: parseAcIdentifier(NAME),
    labels: makeLabels([
      ['version', version],
      ['os', 'linux'],
      ['arch', arch],
    ]),
    annotations: Object.entries(annotations).map(([name, value]) => ({
      name: parseAcIdentifier(name),
      value,
    })),
  };
}
