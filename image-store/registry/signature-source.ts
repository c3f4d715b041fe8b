import { fileURLToPath } from 'node:url';
import { isGantryError } from '#base/errors/gantry-error';
import type { OciDigest } from '#schema/oci/digest';
import type { HttpClient } from '../fetch/http-client.ts';
import { readSignatureFile } from '../fetch/signature.ts';
import type { SignatureSource } from '../policy/decide.ts';
import type { SignaturePlaces } from '../policy/lookaside.ts';
import type { RegistryReference } from '../reference/index.ts';
import { attachedSignatures, MOST_SIGNATURES } from './attached-signatures.ts';
import type { Repository } from './registry-client.ts';

export interface SignatureSourceOptions {
  readonly image: RegistryReference;
  readonly repository: Repository;
  /** Where simple signatures are. */
  readonly places: SignaturePlaces;
  /** For those on web servers. */
  readonly client: HttpClient;
}

const MAX_SIMPLE_BYTES = 4 * 1024 * 1024;

/** Where the signatures of an image in a registry are: beside it, as cosign puts them, and where the configuration says. */
export function signaturesOf(options: SignatureSourceOptions): SignatureSource {
  return {
    simple: async (manifest) => await simpleSignatures(options, manifest),
    sigstore: async (manifest) => await attachedSignatures(options.repository, manifest),
  };
}

/** `PLACE/signature-1` and so on, up to the first that is not there: containers-registries.d(5). */
async function simpleSignatures(
  { image, places, client }: SignatureSourceOptions,
  manifest: OciDigest,
): Promise<readonly Uint8Array[]> {
  const place = places.placeOf(image, manifest);
  if (place === undefined) return [];
  const found: Uint8Array[] = [];
  while (found.length < MOST_SIGNATURES) {
    const url = new URL(place);
    url.pathname += `/signature-${found.length + 1}`;
    const signature =
      url.protocol === 'file:'
        ? await readSignatureFile(fileURLToPath(url))
        : await readThere(client, url);
    if (signature === undefined) break;
    found.push(signature);
  }

  return found;
}

async function readThere(client: HttpClient, url: URL): Promise<Uint8Array | undefined> {
  try {
    return (await client.read(url, { maxBytes: MAX_SIMPLE_BYTES })).data;
  } catch (error) {
    if (isGantryError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}
