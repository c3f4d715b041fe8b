import { fileURLToPath } from 'node:url';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { isGantryError } from '#base/errors/gantry-error';
import { type Descriptor, descriptor } from '#schema/oci/descriptor';
import type { OciDigest } from '#schema/oci/digest';
import type { HttpClient } from '../fetch/http-client.ts';
import { readSignatureFile } from '../fetch/signature.ts';
import type { SignatureSource } from '../policy/decide.ts';
import type { SignaturePlaces } from '../policy/lookaside.ts';
import type { SigstoreSignature } from '../policy/sigstore.ts';
import type { RegistryReference } from '../reference/index.ts';
import type { Repository } from './registry-client.ts';

export interface SignatureSourceOptions {
  readonly image: RegistryReference;
  readonly repository: Repository;
  /** Where simple signatures are. */
  readonly places: SignaturePlaces;
  /** For those on web servers. */
  readonly client: HttpClient;
}

/** Of one manifest; more are not looked at. */
const MOST_SIGNATURES = 64;
const MAX_SIMPLE_BYTES = 4 * 1024 * 1024;
const MAX_PAYLOAD_BYTES = 64 * 1024;

// cosign/specs/SIGNATURE_SPEC.md
const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE = 'dev.cosignproject.cosign/signature';
const CERTIFICATE = 'dev.sigstore.cosign/certificate';
const CHAIN = 'dev.sigstore.cosign/chain';
const BUNDLE = 'dev.sigstore.cosign/bundle';
/** What cosign calls a signature that refers to its image. */
const ARTIFACT_TYPE = 'application/vnd.dev.cosign.artifact.sig.v1+json';

/** Where the signatures of an image in a registry are: beside it, as cosign puts them, and where the configuration says. */
export function signaturesOf(options: SignatureSourceOptions): SignatureSource {
  return {
    simple: async (manifest) => await simpleSignatures(options, manifest),
    sigstore: async (manifest) => await sigstoreSignatures(options.repository, manifest),
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
        ? readSignatureFile(fileURLToPath(url))
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

/** cosign's tag, and what refers to the manifest. */
async function sigstoreSignatures(
  repository: Repository,
  manifest: OciDigest,
): Promise<readonly SigstoreSignature[]> {
  const tagged = await repository.findManifest(`${manifest.replace(':', '-')}.sig`);
  const referring = (await repository.referrers(manifest)).filter(
    ({ artifactType }) => artifactType === ARTIFACT_TYPE,
  );
  const manifests = [
    ...(tagged === undefined ? [] : [tagged.bytes]),
    ...(await Promise.all(
      referring
        .slice(0, MOST_SIGNATURES)
        .map(async ({ digest }) => (await repository.manifest(digest)).bytes),
    )),
  ];
  const layers = manifests.flatMap((bytes) => signatureLayers(bytes, manifest));

  return await Promise.all(
    layers.slice(0, MOST_SIGNATURES).map(async (layer) => await readSignature(repository, layer)),
  );
}

const signatureManifest = v.object({ schemaVersion: v.literal(2), layers: v.array(descriptor) });

function signatureLayers(bytes: Buffer, manifest: OciDigest): readonly Descriptor[] {
  const { layers } = decodeJson(signatureManifest, bytes.toString('utf8'), {
    what: `the signatures of "${manifest}"`,
    code: 'SIGNATURE_MALFORMED',
  });

  return layers.filter(
    ({ mediaType, size, annotations = {} }) =>
      mediaType === PAYLOAD_TYPE &&
      size <= MAX_PAYLOAD_BYTES &&
      Object.hasOwn(annotations, SIGNATURE),
  );
}

async function readSignature(
  repository: Repository,
  layer: Descriptor,
): Promise<SigstoreSignature> {
  const { annotations = {} } = layer;

  return {
    payload: await repository.read(layer),
    signature: annotations[SIGNATURE] ?? '',
    certificate: annotations[CERTIFICATE],
    chain: annotations[CHAIN],
    bundle: annotations[BUNDLE],
  };
}
