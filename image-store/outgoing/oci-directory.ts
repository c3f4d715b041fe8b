import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { descriptor } from '#schema/oci/descriptor';
import { OCI_LAYOUT, REF_NAME } from '#schema/oci/layout';
import { targetError } from '../archive/target-error.ts';
import { writeWhole } from '../archive/write-whole.ts';
import { blobsOf, entryOf, type NamedImage } from './oci-archive.ts';
import type { ArchiveMember } from './tar-stream.ts';

/**
 * Puts an image into an OCI layout, made where there is none: beside what is
 * there, in the place of an image of the same name. It is seen when all of it is there.
 * @throws GantryError TARGET_*, OCI_LAYOUT_INVALID, IMAGE_CORRUPT
 */
export async function writeToLayout(dir: string, named: NamedImage): Promise<void> {
  try {
    const index = openLayout(dir);
    for (const member of blobsOf(named.image)) await writeBlob(dir, member);
    writeFileAtomic(join(dir, 'oci-layout'), JSON.stringify(OCI_LAYOUT));
    writeFileAtomic(join(dir, 'index.json'), JSON.stringify(withImage(index, named)));
  } catch (error) {
    throw targetError(error, `push to "${dir}"`);
  }
}

const indexSchema = v.looseObject({
  manifests: v.array(
    v.pipe(
      v.looseObject({
        digest: v.string(),
        annotations: v.optional(v.nullable(v.record(v.string(), v.string()))),
      }),
      v.check((value) => v.is(descriptor, value), 'must be a descriptor'),
    ),
  ),
});

type Index = v.InferOutput<typeof indexSchema>;

/** @returns `index.json` of what is there, whatever else it says */
function openLayout(dir: string): Index {
  makeDir(dir);
  const isLayout = existsSync(join(dir, 'oci-layout'));
  if (!isLayout && readdirSync(dir).some((name) => name !== 'blobs')) {
    throw new GantryError(
      'TARGET_REFUSED',
      `cannot push to "${dir}": it is not empty, and no OCI layout`,
      { hint: 'name another directory' },
    );
  }
  const path = join(dir, 'index.json');
  if (!existsSync(path)) return { schemaVersion: 2, manifests: [] };

  return decodeJson(indexSchema, readFileSync(path, 'utf8'), {
    what: `"${path}"`,
    code: 'OCI_LAYOUT_INVALID',
  });
}

/** One directory: Node goes round for ever where it makes several and the kernel lets it make none, in /proc say. */
function makeDir(dir: string): void {
  if (!existsSync(dir)) mkdirSync(dir);
}

function withImage(index: Index, named: NamedImage): object {
  const entry = entryOf(named);
  const others = index.manifests.filter(({ digest, annotations }) => {
    const name = annotations?.[REF_NAME];
    return name !== named.name || (name === undefined && digest !== entry.digest);
  });

  return { ...index, manifests: [...others, entry] };
}

async function writeBlob(dir: string, { name, size, open }: ArchiveMember): Promise<void> {
  const path = join(dir, name);
  if (statSync(path, { throwIfNoEntry: false })?.size === size) return;
  makeDir(dirname(dirname(path)));
  makeDir(dirname(path));
  await writeWhole(path, open(), { replaces: true });
}
