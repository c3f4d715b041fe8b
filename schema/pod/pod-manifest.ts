import * as v from 'valibot';
import { decodeJson, decodeValue } from '#base/decode/decode';
import type { Isolator } from '../isolators/isolator.ts';
import { isolatorList } from '../isolators/isolator-list.ts';
import { type Decoder, fieldStep, itemStep, type Report, withCheck } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { type Header, headerFields } from '../types/header.ts';
import type { ImageId } from '../types/image-hash.ts';
import type { Labels } from '../types/labels.ts';
import { listOf, textMap, uniqueListOf } from '../types/lists.ts';
import { type Annotations, annotations, labels } from '../types/name-values.ts';
import type { AcIdentifier, AcName } from '../types/names.ts';
import { quoted } from '#base/errors/quoted';
import { absolutePath, acIdentifier, acName, boolean, imageId } from '../types/scalars.ts';
import { type App, app } from './app.ts';
import { type ExposedPort, exposedPort } from './port.ts';
import { type Volume, volume } from './volume.ts';

export type { App, EventHandler } from './app.ts';
export type { ExposedPort } from './port.ts';
export type { EmptyVolume, Volume } from './volume.ts';

/** A volume at a place in an app's root file system. */
export interface Mount {
  /** Names one of the pod's volumes, unless `appVolume` is the volume. */
  readonly volume: AcName;
  /** Absolute, inside the app's root file system. */
  readonly path: string;
  readonly appVolume?: Volume | undefined;
}

/** Which image an app comes from. */
export interface RuntimeImage {
  readonly id: ImageId;
  readonly name?: AcIdentifier | undefined;
  readonly labels?: Labels | undefined;
}

/** An app of a pod. */
export interface RuntimeApp {
  /** Unique in the pod. */
  readonly name: AcName;
  readonly image: RuntimeImage;
  /** Takes the place of the image's `app` when present. */
  readonly app?: App | undefined;
  readonly readOnlyRootFS?: boolean | undefined;
  readonly mounts?: readonly Mount[] | undefined;
  readonly annotations?: Annotations | undefined;
}

/** What a pod is made of (appc, Pod Manifest Schema). Absent fields mean the specification's defaults. */
export interface PodManifest extends Header<'PodManifest'> {
  readonly apps: readonly RuntimeApp[];
  /** Unique by name. */
  readonly volumes?: readonly Volume[] | undefined;
  readonly isolators?: readonly Isolator[] | undefined;
  readonly annotations?: Annotations | undefined;
  readonly ports?: readonly ExposedPort[] | undefined;
  readonly userAnnotations?: Readonly<Record<string, string>> | undefined;
  readonly userLabels?: Readonly<Record<string, string>> | undefined;
}

const DECODE = { what: 'pod manifest', code: 'POD_MANIFEST_INVALID' } as const;

const ENCODE = { ...DECODE, what: 'the pod manifest to be written' } as const;

/**
 * Reads a pod manifest. Fields that are not known are kept, so that writing it again
 * loses nothing; numbers among them are as exact as JavaScript's.
 * @param what names the document in errors
 * @throws GantryError POD_MANIFEST_INVALID; the message names the place in the document
 */
export function parsePodManifest(json: string, what: string = DECODE.what): PodManifest {
  return decodeJson(podManifest, json, { ...DECODE, what });
}

/**
 * Writes a pod manifest, indented by tabs when `pretty`.
 * @throws GantryError POD_MANIFEST_INVALID when it would not be read again
 */
export function formatPodManifest(
  manifest: PodManifest,
  { pretty = false }: { readonly pretty?: boolean } = {},
): string {
  const checked = decodeValue(podManifest, manifest, ENCODE);

  return JSON.stringify(checked, undefined, pretty ? '\t' : undefined);
}

const runtimeApp: Decoder<RuntimeApp> = objectOf<RuntimeApp>({
  fields: {
    name: acName,
    image: objectOf<RuntimeImage>({
      fields: { id: imageId, name: acIdentifier, labels },
      required: { id: true },
    }),
    app,
    readOnlyRootFS: boolean,
    mounts: listOf(
      objectOf<Mount>({
        fields: { volume: acName, path: absolutePath, appVolume: volume },
        required: { volume: true, path: true },
      }),
    ),
    annotations,
  },
  required: { name: true, image: true },
});

const podManifest: Decoder<PodManifest> = withCheck(
  objectOf<PodManifest>({
    fields: {
      ...headerFields('PodManifest'),
      apps: v.pipe(
        // Go writes null for a pod without apps.
        v.unknown(),
        v.transform((given) => given ?? []),
        uniqueListOf(runtimeApp, 'name'),
      ),
      volumes: uniqueListOf(volume, 'name'),
      isolators: isolatorList,
      annotations,
      ports: listOf(exposedPort),
      userAnnotations: textMap,
      userLabels: textMap,
    },
    required: { acKind: true, acVersion: true, apps: true },
    nullable: ['apps'],
    decisive: ['acKind', 'acVersion'],
  }),
  checkMounts,
);

/** Reports mounts that name a volume that the pod does not have. */
function checkMounts(manifest: PodManifest, report: Report): void {
  const names = new Set<string>(manifest.volumes?.map(({ name }) => name));

  manifest.apps.forEach((runtime, index) => {
    const { mounts = [] } = runtime;
    mounts.forEach((mount, at) => {
      if (mount.appVolume !== undefined || names.has(mount.volume)) return;
      report(
        `the pod has no volume ${quoted(mount.volume)}`,
        fieldStep(manifest, 'apps'),
        itemStep(manifest.apps, index),
        fieldStep(runtime, 'mounts'),
        itemStep(mounts, at),
        fieldStep(mount, 'volume'),
      );
    });
  });
}
