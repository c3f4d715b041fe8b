import type { ImageManifest } from '#schema/image/image-manifest';
import { makeLabels } from '#schema/types/labels';
import { parseAcIdentifier } from '#schema/types/names';
import {
  ENTRYPOINT_ANNOTATIONS,
  type EntrypointName,
  FEATURES_ANNOTATION,
  type FlavorFeature,
  INTERFACE_VERSION,
  INTERFACE_VERSION_ANNOTATION,
} from '#stage1';

/** Name of the stage1 image of this flavor. */
const NAME = 'gantry.sh/stage1-nspawn';

/** An entrypoint: the folder of its `main.ts`, and where that lies bundled in the image. */
interface EntrypointFile {
  readonly source: string;
  readonly path: string;
}

export const NSPAWN_ENTRYPOINTS: Readonly<Record<EntrypointName, EntrypointFile>> = {
  run: { source: 'init', path: '/usr/lib/gantry/init.cjs' },
  enter: { source: 'enter', path: '/usr/lib/gantry/enter.cjs' },
  attach: { source: 'attach', path: '/usr/lib/gantry/attach.cjs' },
  stop: { source: 'stop', path: '/usr/lib/gantry/stop.cjs' },
  gc: { source: 'gc', path: '/usr/lib/gantry/gc.cjs' },
};

const FEATURES: readonly FlavorFeature[] = [
  'several-apps',
  'netns',
  'isolation',
  'stop-hooks',
  'exit-codes',
  'logs',
  'readiness',
  'enter-options',
  'stdio-modes',
  'restart',
  'exit-policy',
  'release',
];

/** The manifest of the stage1 image. @param arch as appc labels it */
export function nspawnManifest(version: string, arch: string): ImageManifest {
  const entrypoints = Object.entries(NSPAWN_ENTRYPOINTS).map(
    ([name, { path }]) => [ENTRYPOINT_ANNOTATIONS[name as EntrypointName], path] as const,
  );
  const annotations = [
    ...entrypoints,
    [INTERFACE_VERSION_ANNOTATION, String(INTERFACE_VERSION)] as const,
    [FEATURES_ANNOTATION, FEATURES.join(',')] as const,
  ];

  return {
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: parseAcIdentifier(NAME),
    labels: makeLabels([
      ['version', version],
      ['os', 'linux'],
      ['arch', arch],
    ]),
    annotations: annotations.map(([name, value]) => ({ name: parseAcIdentifier(name), value })),
  };
}
