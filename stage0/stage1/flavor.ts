import { statSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { resolveInside } from '#base/fs/inside';
import type { ImageManifest } from '#schema/image/image-manifest';
import { annotationValue } from '#schema/types/annotation-value';
import {
  ENTRYPOINT_ANNOTATIONS,
  type EntrypointName,
  FEATURES_ANNOTATION,
  type FlavorFeature,
  INTERFACE_VERSION_ANNOTATION,
} from '#stage1';

/** What stage 0 knows of a stage1 image: what its manifest says, nothing else. */
export interface Flavor {
  /** Name of the image. */
  readonly name: string;
  /** Version of the contract that it speaks. */
  readonly interfaceVersion: number;
  /** Absolute paths inside its root file system. */
  readonly entrypoints: Readonly<Partial<Record<EntrypointName, string>>>;
  /** What it promises; `all` when it does not say, and decides itself. */
  readonly features: ReadonlySet<string> | 'all';
}

/** Reads what a stage1 image says of itself. @throws GantryError STAGE1_INVALID */
export function readFlavor({ name, annotations }: ImageManifest): Flavor {
  const version = annotationValue(annotations, INTERFACE_VERSION_ANNOTATION) ?? '1';
  if (!/^[1-9]\d{0,3}$/.test(version)) {
    throw new GantryError(
      'STAGE1_INVALID',
      `cannot use stage1 image "${name}": its interface version is "${version}", not a whole number from 1 to 9999`,
      {
        hint: `${INTERFACE_VERSION_ANNOTATION} in its manifest says so; without it the version is 1`,
      },
    );
  }
  const entrypoints = Object.entries(ENTRYPOINT_ANNOTATIONS).flatMap(([entrypoint, annotation]) => {
    const path = annotationValue(annotations, annotation);
    return path === undefined ? [] : [[entrypoint, path] as const];
  });
  if (!entrypoints.some(([entrypoint]) => entrypoint === 'run')) {
    throw new GantryError(
      'STAGE1_INVALID',
      `cannot use image "${name}" as a stage1: it does not say what runs a pod`,
      { hint: 'it is no stage1; see --stage1-name for those that are there' },
    );
  }
  const features = annotationValue(annotations, FEATURES_ANNOTATION);

  return {
    name,
    interfaceVersion: Number(version),
    entrypoints: Object.fromEntries(entrypoints),
    features: features === undefined ? 'all' : new Set(features.split(',').filter(Boolean)),
  };
}

/** Names of the images that come with the program. */
const OWN_NAME = /^gantry\.sh\/stage1-/;

/** Whether a flavor is one of the program's own. */
export const isOwn = ({ name }: Flavor): boolean => OWN_NAME.test(name);

/** Whether a flavor promises something. One that says nothing is taken at its word that it decides itself. */
export function promises(flavor: Flavor, feature: FlavorFeature): boolean {
  return flavor.features === 'all' || flavor.features.has(feature);
}

/**
 * Where an entrypoint lies, links resolved inside the root.
 * @param rootfs of stage1, on the host
 * @throws GantryError STAGE1_NO_ENTRYPOINT when the image names none, or it is not there
 */
export function entrypointPath(flavor: Flavor, name: EntrypointName, rootfs: string): string {
  const inside = flavor.entrypoints[name];
  if (inside === undefined) {
    throw new GantryError(
      'STAGE1_NO_ENTRYPOINT',
      `cannot ${name} the pod: stage1 image "${flavor.name}" has no entrypoint for it`,
    );
  }

  const path = resolveInside(rootfs, inside);
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path;

  throw new GantryError(
    'STAGE1_NO_ENTRYPOINT',
    `cannot ${name} the pod: stage1 image "${flavor.name}" has no file "${inside}"`,
  );
}
