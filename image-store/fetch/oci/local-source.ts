import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { type Descriptor, descriptor } from '#schema/oci/descriptor';
import { digestHex, digestAlgorithm } from '#schema/oci/digest';
import { choosePlatform, hostPlatform } from '#schema/oci/platform';
import type { LocalReference } from '../../reference/oci-reference.ts';
import type { FetchSession } from '../session.ts';
import { archiveFiles } from './archive-files.ts';
import { dockerArchiveSource } from './docker-archive-source.ts';
import { namesOf, unknownName } from './local-names.ts';
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
  if (form === 'oci') return layoutSource(directoryFiles(path, what), reference);

  const files = await archiveFiles(session, path, what);
  try {
    return form === 'oci-archive'
      ? layoutSource(files, reference)
      : await dockerArchiveSource(files, namesOf(reference, reference.name), reference);
  } catch (error) {
    await files[Symbol.asyncDispose]();
    throw error;
  }
}

/** What `index.json` and `oci-layout` of a layout hold (OCI image specification, image-layout.md). */
const indexSchema = v.object({ manifests: v.array(descriptor) });
const layoutSchema = v.object({ imageLayoutVersion: v.literal('1.0.0', 'must be "1.0.0"') });
const REF_NAME = 'org.opencontainers.image.ref.name';

function layoutSource(files: LocalFiles, reference: LocalReference): OciSource {
  const names = namesOf(reference, reference.name);
  const source: OciSource = {
    ...names,
    async top() {
      const found = await findTop(files, reference, names.what);
      const bytes = await readDocument(source, found);
      return { bytes, mediaType: found.mediaType, digest: found.digest };
    },
    open: ({ digest }) => files.open(`blobs/${digestAlgorithm(digest)}/${digestHex(digest)}`),
    [Symbol.asyncDispose]: async () => await files[Symbol.asyncDispose](),
  };

  return source;
}

async function findTop(
  files: LocalFiles,
  { name }: LocalReference,
  what: string,
): Promise<Descriptor> {
  const read = async (path: string): Promise<string> =>
    (await readLocal(files, path, what)).toString();
  const code = 'OCI_LAYOUT_INVALID';
  decodeJson(layoutSchema, await read('oci-layout'), { what: `"oci-layout" of ${what}`, code });
  const index = await read('index.json');
  const { manifests } = decodeJson(indexSchema, index, { what: `"index.json" of ${what}`, code });

  const named = name === undefined ? manifests : manifests.filter((each) => nameOf(each) === name);
  const [only, ...others] = named;
  if (only !== undefined && others.length === 0) return only;
  const tags = new Set(named.map(nameOf));
  const chosen = tags.size === 1 ? choosePlatform(named, hostPlatform()) : undefined;
  if (chosen !== undefined) return chosen;
  throw unknownName(what, name, manifests.map(nameOf));
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[REF_NAME];
}
