import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { type Descriptor, descriptor } from '#schema/oci/descriptor';
import type { OciDigest } from '#schema/oci/digest';
import { COSIGN_SIGN_PREDICATE } from '../policy/sigstore/predicate.ts';
import type { SigstoreSignature } from '../policy/sigstore/signature.ts';
import type { Referrer, Repository } from './registry-client.ts';

/** Of one manifest; more are not looked at. */
export const MOST_SIGNATURES = 64;
const MAX_PAYLOAD_BYTES = 64 * 1024;
/** Those that sign an image take some kilobytes. */
const MAX_BUNDLE_BYTES = 1024 * 1024;

// cosign/specs/SIGNATURE_SPEC.md
const PAYLOAD_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE = 'dev.cosignproject.cosign/signature';
const CERTIFICATE = 'dev.sigstore.cosign/certificate';
const CHAIN = 'dev.sigstore.cosign/chain';
const BUNDLE = 'dev.sigstore.cosign/bundle';
/** What cosign calls such a signature when it refers to its image. */
const ANNOTATED_TYPE = 'application/vnd.dev.cosign.artifact.sig.v1+json';

// cosign/specs/BUNDLE_SPEC.md
const BUNDLE_TYPE = /^application\/vnd\.dev\.sigstore\.bundle[.+]/;
const PREDICATE = 'dev.sigstore.bundle.predicateType';
/** Where only the type of a configuration is listed, one that has none is called so. */
const EMPTY_TYPE = 'application/vnd.oci.empty.v1+json';

/**
 * The sigstore signatures of a manifest: by cosign's tag, and of what refers to it.
 * @throws GantryError SIGNATURE_MALFORMED, and the failures of fetching
 */
export async function attachedSignatures(
  repository: Repository,
  manifest: OciDigest,
): Promise<readonly SigstoreSignature[]> {
  const tagged = await repository.findManifest(`${manifest.replace(':', '-')}.sig`);
  const referring = (await repository.referrers(manifest)).filter(isSignature);
  const manifests = await Promise.all(
    referring
      .slice(0, MOST_SIGNATURES)
      .map(async ({ digest }) => (await repository.manifest(digest)).bytes),
  );
  const layers = [...(tagged === undefined ? [] : [tagged.bytes]), ...manifests]
    .flatMap((bytes) => layersOf(bytes, manifest))
    .slice(0, MOST_SIGNATURES);
  const bundles = layers.filter(({ mediaType }) => BUNDLE_TYPE.test(mediaType));

  return [
    ...(await Promise.all(
      layers.filter(isAnnotated).map(async (layer) => await readAnnotated(repository, layer)),
    )),
    ...(bundles.length === 0 ? [] : await readBundles(repository, manifest, bundles)),
  ];
}

/** Whether it is one, or may be; bundles tell also where an image comes from, or what is in it. */
function isSignature({ artifactType = EMPTY_TYPE, annotations = {} }: Referrer): boolean {
  const predicate = annotations[PREDICATE];
  if (predicate !== undefined && predicate !== COSIGN_SIGN_PREDICATE) return false;

  return [ANNOTATED_TYPE, EMPTY_TYPE].includes(artifactType) || BUNDLE_TYPE.test(artifactType);
}

const signatureManifest = v.object({ schemaVersion: v.literal(2), layers: v.array(descriptor) });

function layersOf(bytes: Buffer, manifest: OciDigest): readonly Descriptor[] {
  const { layers } = decodeJson(signatureManifest, bytes.toString('utf8'), {
    what: `the signatures of "${manifest}"`,
    code: 'SIGNATURE_MALFORMED',
  });

  return layers;
}

const isAnnotated = ({ mediaType, size, annotations = {} }: Descriptor): boolean =>
  mediaType === PAYLOAD_TYPE && size <= MAX_PAYLOAD_BYTES && annotations[SIGNATURE] !== undefined;

async function readAnnotated(
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

async function readBundles(
  repository: Repository,
  digest: OciDigest,
  layers: readonly Descriptor[],
): Promise<readonly SigstoreSignature[]> {
  const { bytes } = await repository.manifest(digest);

  return await Promise.all(
    layers.map(async (layer) =>
      layer.size > MAX_BUNDLE_BYTES
        ? { refusal: tooLarge(layer) }
        : { json: await repository.read(layer), manifest: { digest, bytes } },
    ),
  );
}

const tooLarge = ({ digest, size }: Descriptor): GantryError =>
  new GantryError(
    'SIGNATURE_MALFORMED',
    `cannot use the bundle "${digest}": it has ${size} bytes, more than the ${MAX_BUNDLE_BYTES} of a signature`,
  );
