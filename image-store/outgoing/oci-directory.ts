import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import type { Kernel } from '#base/kernel/kernel';
import { lockPath } from '#base/lock/directory-lock';
import { descriptor } from '#schema/oci/descriptor';
import { OCI_LAYOUT, REF_NAME } from '#schema/oci/layout';
import { targetError } from '../archive/target-error.ts';
import { writeWhole } from '../archive/write-whole.ts';
import { blobsOf, entryOf, type NamedImage } from './oci-archive.ts';
import type { ArchiveMember } from './tar-stream.ts';

/** Where an image is put. */
export interface LayoutTarget {
  readonly kernel: Kernel;
  readonly dir: string;
}

/**
 * Puts an image into an OCI layout, made where there is none: beside what is
 * there, in the place of an image of the same name. It is seen when all of it is
 * there; several may do so at a time.
 * @throws GantryError TARGET_*, OCI_LAYOUT_INVALID, IMAGE_CORRUPT
 */
export async function writeToLayout(
  { kernel, dir }: LayoutTarget,
  named: NamedImage,
): Promise<void> {
  try {
    makeDir(dir);
    demandLayout(dir);
    readIndex(dir);
    for (const member of blobsOf(named.image)) await writeBlob(dir, member);
    using _lock = lockPath(kernel, dir, 'exclusive');
    writeFileAtomic(join(dir, 'oci-layout'), JSON.stringify(OCI_LAYOUT));
    writeFileAtomic(join(dir, 'index.json'), JSON.stringify(withImage(readIndex(dir), named)));
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

/** @throws GantryError TARGET_REFUSED for what is somebody's own */
function demandLayout(dir: string): void {
  if (existsSync(join(dir, 'oci-layout'))) return;
  const others = readdirSync(dir).filter((name) => !/^(?:blobs|\..*\.tmp)$/.test(name));
  // Another one may just have made it.
  if (others.length === 0 || existsSync(join(dir, 'oci-layout'))) return;

  throw new GantryError(
    'TARGET_REFUSED',
    `cannot push to "${dir}": it is not empty, and no OCI layout`,
    { hint: 'name another directory' },
  );
}

/** @returns `index.json` of what is there, whatever else it says */
function readIndex(dir: string): Index {
  const path = join(dir, 'index.json');
  if (!existsSync(path)) return { schemaVersion: 2, manifests: [] };

  return decodeJson(indexSchema, readFileSync(path, 'utf8'), {
    what: `"${path}"`,
    code: 'OCI_LAYOUT_INVALID',
  });
}

/** One directory: Node goes round for ever where it makes several and the kernel lets it make none, in /proc say. */
function makeDir(dir: string): void {
  if (existsSync(dir)) return;
  try {
    mkdirSync(dir);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
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
