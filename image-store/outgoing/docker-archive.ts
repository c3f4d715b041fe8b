import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Exec } from '#base/exec/exec';
import { digestAlgorithm, digestHex, digestOf } from '#schema/oci/digest';
import { corruptImage } from '../archive/archive-error.ts';
import { unpack } from '../archive/unpack.ts';
import type { OciLayer } from '../index/image-record.ts';
import type { NamedImage } from './oci-archive.ts';
import type { OutgoingImage } from './outgoing-image.ts';
import { type ArchiveMember, bytesMember, documentMember, tarStream } from './tar-stream.ts';

/**
 * Images as `docker save` writes them (moby, image/spec): configurations, and
 * layers unpacked, each once. Layers are read twice, for their length stands
 * before them.
 * @throws GantryError IMAGE_CORRUPT, ARCHIVE_*, before the first piece or with one
 */
export async function* dockerArchive(
  exec: Exec,
  images: readonly NamedImage[],
): AsyncGenerator<Buffer, void, undefined> {
  const members = new Map<string, ArchiveMember>();
  const saved: object[] = [];
  for (const { image, name } of images) {
    const { config } = image.manifest;
    const configName = `${digestHex(config.digest)}.json`;
    members.set(configName, bytesMember(configName, await buffer(image.open(config))));
    for (const layer of image.layers) {
      const layerName = nameOf(layer);
      if (!members.has(layerName)) members.set(layerName, await layerMember(exec, image, layer));
    }
    const tags = name === undefined ? null : [name];
    saved.push({ Config: configName, RepoTags: tags, Layers: image.layers.map(nameOf) });
  }

  yield* tarStream([...members.values(), documentMember('manifest.json', saved)]);
}

const nameOf = ({ diffId }: OciLayer): string => `${digestHex(diffId)}.tar`;

async function layerMember(
  exec: Exec,
  image: OutgoingImage,
  layer: OciLayer,
): Promise<ArchiveMember> {
  const { digest, diffId, size: packed } = layer;
  const open = (): AsyncGenerator<Buffer, void, undefined> =>
    unpack(image.open({ digest, size: packed }), {
      exec,
      what: `layer ${digest}`,
      mayBeEmpty: true,
    });
  const hash = createHash(digestAlgorithm(diffId));
  let size = 0;
  for await (const chunk of open()) {
    hash.update(chunk);
    size += chunk.length;
  }
  const found = digestOf(digestAlgorithm(diffId), hash.digest());
  if (found !== diffId) throw corruptImage(image.key, `its layer ${digest} is damaged`);

  return { name: nameOf(layer), size, open };
}
