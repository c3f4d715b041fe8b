import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { type Descriptor, descriptor } from '#schema/oci/descriptor';
import { digestHex, digestAlgorithm } from '#schema/oci/digest';
import { REF_NAME } from '#schema/oci/layout';
import { choosePlatform, hostPlatform } from '#schema/oci/platform';
import type { LocalReference } from '../../reference/oci-reference.ts';
import type { FetchSession } from '../session.ts';
import { archiveFiles } from './archive-files.ts';
import { dockerArchiveSource } from './docker-archive-source.ts';
import { type LocalNames, namesOf, unknownName } from './local-names.ts';
import { directoryFiles, type LocalFiles, readLocal } from './local-files.ts';
import { type OciSource, readDocument } from './source.ts';

/**
 * Opens an image that lies on this machine.
 * @throws GantryError IMAGE_FILE_UNREADABLE, OCI_LAYOUT_INVALID, IMAGE_NAME_UNKNOWN, ARCHIVE_*
 */
export async function openLocalSource(
  session: FetchSession,
  reference: LocalReference,
): Promise<OciSource> {
  const { form, path } = reference;
  const what = `image "${reference.text}"`;
  const find = (manifests: readonly Descriptor[]): Descriptor =>
    findNamed(manifests, reference, what);
  const names = namesOf(reference, reference.name);
  if (form === 'oci') return layoutSource(directoryFiles(path, what), names, find);

  const files = await archiveFiles(session, path, what);
  try {
    return form === 'oci-archive'
      ? layoutSource(files, names, find)
      : await dockerArchiveSource(files, names, reference);
  } catch (error) {
    await files[Symbol.asyncDispose]();
    throw error;
  }
}

/** What `index.json` and `oci-layout` of a layout hold (OCI image specification, image-layout.md). */
const indexSchema = v.object({ manifests: v.array(descriptor) });
const layoutSchema = v.object({ imageLayoutVersion: v.literal('1.0.0', 'must be "1.0.0"') });

/**
 * An image of a layout.
 * @param find its manifest or index among those of the layout
 */
export function layoutSource(
  files: LocalFiles,
  names: LocalNames,
  find: (manifests: readonly Descriptor[]) => Descriptor,
): OciSource {
  const source: OciSource = {
    ...names,
    async top() {
      const found = find(await readLayout(files, names.what));
      const bytes = await readDocument(source, found);
      return { bytes, mediaType: found.mediaType, digest: found.digest };
    },
    open: ({ digest }) => files.open(`blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`),
    [Symbol.asyncDispose]: async () => await files[Symbol.asyncDispose](),
  };

  return source;
}

/**
 * What `index.json` of a layout names.
 * @throws GantryError IMAGE_FILE_UNREADABLE, OCI_LAYOUT_INVALID
 */
export async function readLayout(files: LocalFiles, what: string): Promise<readonly Descriptor[]> {
  const read = async (path: string): Promise<string> =>
    (await readLocal(files, path, what)).toString();
  const code = 'OCI_LAYOUT_INVALID';
  decodeJson(layoutSchema, await read('oci-layout'), { what: `"oci-layout" of ${what}`, code });
  const index = await read('index.json');

  return decodeJson(indexSchema, index, { what: `"index.json" of ${what}`, code }).manifests;
}

function findNamed(
  manifests: readonly Descriptor[],
  { name }: LocalReference,
  what: string,
): Descriptor {
  const named = name === undefined ? manifests : manifests.filter((each) => nameOf(each) === name);
  const [only, ...others] = named;
  if (only !== undefined && others.length === 0) return only;
  const tags = new Set(named.map(nameOf));
  const chosen = tags.size === 1 ? choosePlatform(named, hostPlatform()) : undefined;
  if (chosen !== undefined) return chosen;
  throw unknownName(what, name, manifests.map(nameOf));
}

/** What an image of a layout is called there. */
export function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[REF_NAME];
}
