import type { ImageManifest } from '../image/image-manifest.ts';
import type { App, MountPoint } from '../pod/app.ts';
import { type AcName, parseAcIdentifier, parseAcName, sanitizeAcName } from '../types/names.ts';
import { VOLUMES_ANNOTATION } from './annotations.ts';
import type { OciConfig } from './config.ts';
import { volumesOf } from './to-appc.ts';

/**
 * The manifest of an ACI that is made of an OCI image: as gantry runs the image,
 * with mount points for its volumes, which any runtime of ACIs fills.
 * @param manifest by `ociToAppc`
 */
export function aciOfOci(manifest: ImageManifest, { author, config }: OciConfig): ImageManifest {
  const { app, annotations = [] } = manifest;
  const mountPoints = pointsOf(volumesOf(config.Volumes ?? [], []));
  const authors = author === undefined || author === '' ? [] : [author];

  return {
    ...manifest,
    ...(app === undefined ? {} : { app: { ...app, ...withPoints(mountPoints) } }),
    annotations: [
      // Said by the mount points.
      ...annotations.filter(({ name }) => name !== VOLUMES_ANNOTATION),
      ...authors.map((value) => ({ name: parseAcIdentifier('authors'), value })),
    ],
  };
}

const withPoints = (mountPoints: readonly MountPoint[]): Pick<App, 'mountPoints'> =>
  mountPoints.length === 0 ? {} : { mountPoints };

/** Named as docker2aci names them: `volume-var-lib-mysql`. */
function pointsOf(volumes: readonly string[]): readonly MountPoint[] {
  const names = new Set<AcName>();

  return volumes.map((path) => ({ name: freshName(names, `volume-${path}`), path }));
}

function freshName(names: Set<AcName>, text: string): AcName {
  const wanted = sanitizeAcName(text);
  let name = wanted;
  for (let count = 2; names.has(name); count += 1) name = parseAcName(`${wanted}-${count}`);
  names.add(name);

  return name;
}
