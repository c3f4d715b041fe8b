import type { Descriptor } from '#schema/oci/descriptor';
import { CONTAINERD_NAME } from '#schema/oci/layout';
import { choosePlatform, hostPlatform } from '#schema/oci/platform';
import { GantryError } from '#base/errors/gantry-error';
import { isLocalName, type LocalForm, type LocalReference } from '../../reference/oci-reference.ts';
import { readSaved, savedSource } from './docker-archive-source.ts';
import type { LocalFiles } from './local-files.ts';
import { namesOf } from './local-names.ts';
import { layoutSource, nameOf, readLayout } from './local-source.ts';
import type { OciSource } from './source.ts';

/** An archive of images and where it came from. */
export interface LoadedArchive {
  readonly files: LocalFiles;
  /** Its path, as the images' names have it. */
  readonly path: string;
}

/**
 * All images of an archive, an OCI layout or what `docker save` writes, which
 * is told by what is in it. They are read as long as the archive is open.
 * @throws GantryError IMAGE_FILE_UNREADABLE, OCI_LAYOUT_INVALID, ARCHIVE_WITHOUT_IMAGES
 */
export async function sourcesIn(archive: LoadedArchive): Promise<readonly OciSource[]> {
  const { files, path } = archive;
  const what = `archive "${path}"`;
  // Docker of today writes both, and only a layout has the manifests.
  if ((await files.sizeOf('index.json')) !== undefined) {
    return layoutSources(archive, await readLayout(files, what));
  }
  if ((await files.sizeOf('manifest.json')) === undefined) throw noImages(what);
  const sources: OciSource[] = [];
  for (const image of await readSaved(files, what)) {
    const name = image.RepoTags?.[0];
    const names = namesOf(referenceTo(archive, 'docker-archive', name), name);
    sources.push(await savedSource(shared(files), names, image));
  }

  return sources;
}

function layoutSources(
  archive: LoadedArchive,
  manifests: readonly Descriptor[],
): readonly OciSource[] {
  const named = Map.groupBy(manifests, (each) => nameOf(each) ?? each.digest);

  return [...named.values()].map((group) => {
    const [first] = group as [Descriptor];
    const name = nameOf(first);
    const full = first.annotations?.[CONTAINERD_NAME] ?? name;
    const names = namesOf(referenceTo(archive, 'oci-archive', name), full);
    const chosen = group.length === 1 ? first : (choosePlatform(group, hostPlatform()) ?? first);
    return layoutSource(shared(archive.files), names, () => chosen);
  });
}

/** The archive is open as long as one of its images is read. */
const shared = (files: LocalFiles): LocalFiles => ({
  ...files,
  [Symbol.asyncDispose]: async () => {},
});

function referenceTo(
  { path }: LoadedArchive,
  form: LocalForm,
  given: string | undefined,
): LocalReference {
  const name = given !== undefined && isLocalName(given) ? given : undefined;
  const text = `${form}:${path}${name === undefined ? '' : `:${name}`}`;

  return { kind: 'local', text, form, path, name };
}

function noImages(what: string): GantryError {
  return new GantryError(
    'ARCHIVE_WITHOUT_IMAGES',
    `cannot load ${what}: it has neither an "index.json" nor a "manifest.json"`,
    { hint: 'it has to be what "gantry image save", "podman save" or "docker save" writes' },
  );
}
