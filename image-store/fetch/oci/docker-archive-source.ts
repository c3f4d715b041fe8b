import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { type Descriptor, maybe } from '#schema/oci/descriptor';
import { digestOf, type OciDigest } from '#schema/oci/digest';
import { digestOfBytes } from '#schema/oci/digest-bytes';
import {
  DOCKER_CONFIG_TYPE,
  DOCKER_LAYER_TYPE,
  DOCKER_MANIFEST_TYPE,
} from '#schema/oci/media-types';
import type { LocalReference } from '../../reference/oci-reference.ts';
import { type LocalFiles, readLocal, unreadable } from './local-files.ts';
import { type LocalNames, namesOf, unknownName } from './local-names.ts';
import type { OciSource } from './source.ts';

/** One image of such an archive. */
export interface Saved {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | undefined;
  readonly Layers: readonly string[];
}

/** `manifest.json` of what `docker save` writes: paths in the archive (moby, image/spec). */
const savedSchema: v.GenericSchema<unknown, readonly Saved[]> = v.array(
  v.object({
    Config: v.string('must be text'),
    RepoTags: maybe(v.array(v.string('must be text'))),
    Layers: v.pipe(
      v.nullable(v.array(v.string('must be text'))),
      v.transform((given): readonly string[] => given ?? []),
    ),
  }),
);

/**
 * An image as `docker save` writes it. It has no manifest; the one that a
 * registry would have of it is made.
 * @throws GantryError IMAGE_FILE_UNREADABLE, OCI_LAYOUT_INVALID, IMAGE_NAME_UNKNOWN
 */
export async function dockerArchiveSource(
  files: LocalFiles,
  { what }: LocalNames,
  reference: LocalReference,
): Promise<OciSource> {
  const image = choose(await readSaved(files, what), reference, what);

  return await savedSource(files, namesOf(reference, reference.name ?? image.RepoTags?.[0]), image);
}

/**
 * What an archive holds that `docker save` has written.
 * @throws GantryError IMAGE_FILE_UNREADABLE, OCI_LAYOUT_INVALID
 */
export async function readSaved(files: LocalFiles, what: string): Promise<readonly Saved[]> {
  const text = (await readLocal(files, 'manifest.json', what)).toString();

  return decodeJson(savedSchema, text, {
    what: `"manifest.json" of ${what}`,
    code: 'OCI_LAYOUT_INVALID',
  });
}

/** One image of such an archive. */
export async function savedSource(
  files: LocalFiles,
  names: LocalNames,
  image: Saved,
): Promise<OciSource> {
  const { what } = names;
  const { manifest, paths } = await describe(files, image, what);
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = digestOfBytes(bytes, 'sha256');

  return {
    ...names,
    top: async () => await Promise.resolve({ bytes, mediaType: DOCKER_MANIFEST_TYPE, digest }),
    open: (descriptor) => files.open(paths.get(descriptor.digest) ?? ''),
    [Symbol.asyncDispose]: async () => await files[Symbol.asyncDispose](),
  };
}

function choose(all: readonly Saved[], { name }: LocalReference, what: string): Saved {
  const named =
    name === undefined
      ? all
      : all.filter(({ RepoTags = [] }) => RepoTags.some((tag) => same(tag, name)));
  const [only, ...others] = named;
  if (only !== undefined && others.length === 0) return only;

  throw unknownName(
    what,
    name,
    all.flatMap(({ RepoTags = [] }) => RepoTags),
  );
}

/** `busybox` means `docker.io/library/busybox:latest`. */
function same(one: string, other: string): boolean {
  return whole(one) === whole(other);
}

function whole(name: string): string {
  const tagged = /:[^/]*$/.test(name) ? name : `${name}:latest`;

  return tagged.replace(/^docker\.io\//, '').replace(/^library\//, '');
}

async function describe(
  files: LocalFiles,
  { Config, Layers }: Saved,
  what: string,
): Promise<{ readonly manifest: object; readonly paths: ReadonlyMap<OciDigest, string> }> {
  const paths = new Map<OciDigest, string>();
  const describeFile = async (path: string, mediaType: string): Promise<Descriptor> => {
    const size = await files.sizeOf(path);
    if (size === undefined) throw unreadable(what, `it has no file "${path}"`);
    const hash = createHash('sha256');
    for await (const chunk of files.open(path)) hash.update(chunk);
    const digest = digestOf('sha256', hash.digest());
    paths.set(digest, path);
    return { mediaType, size, digest };
  };

  const config = await describeFile(Config, DOCKER_CONFIG_TYPE);
  const layers: Descriptor[] = [];
  for (const path of Layers) layers.push(await describeFile(path, DOCKER_LAYER_TYPE));
  return {
    manifest: { schemaVersion: 2, mediaType: DOCKER_MANIFEST_TYPE, config, layers },
    paths,
  };
}
