import { GantryError, redact } from '#base/errors/gantry-error';
import { type OciDigest, shortDigest } from '#schema/oci/digest';
import { type OciManifest, parseOciManifest } from '#schema/oci/manifest';
import { choosePlatform, formatPlatform, hostPlatform } from '#schema/oci/platform';
import type { ImageKey } from '#schema/types/image-hash';
import type { Acceptance, OciLayer } from '../../index/image-record.ts';
import { type OciCalled, tellOciImage, type ToldImage } from '../../index/oci-image.ts';
import { partsOf } from '../../blobs/hold-blobs.ts';
import { inParallel } from '../../work/in-parallel.ts';
import { inTurn } from '../../work/in-turn.ts';
import { reported } from '../../work/reported.ts';
import { refusing } from '../refusal.ts';
import type { FetchSession } from '../session.ts';
import { type OciSource, readDocument, type TopDocument } from './source.ts';

/** Indexes in indexes that are followed. */
const MAX_INDEXES = 4;

/**
 * Brings an OCI image into the store: manifest, configuration, and the layers
 * that are not there, several at a time. It is seen by nobody before all are.
 * @throws GantryError whatever it is refused for
 */
export async function bringOci(session: FetchSession, source: OciSource): Promise<ImageKey> {
  return await refusing(source.what, async () => await bring(session, source));
}

async function bring(session: FetchSession, source: OciSource): Promise<ImageKey> {
  const { store } = session.context;
  const accept = await acceptanceBy(session, source);
  const top = await source.top();
  const { document, manifest } = await findManifest(source, top);
  // Before any of its layers is asked for.
  const accepted = await accept([...new Set([document.digest, top.digest])]);
  const config = await readDocument(source, manifest.config);
  const { reference, name, version } = source;
  const called: OciCalled = {
    manifest: document.digest,
    mediaType: document.mediaType,
    reference: reference.replace(/^docker:\/\//, ''),
    name,
    version,
  };
  const documents = { manifest: document.bytes, config };
  const told = tellOciImage(documents, called);
  for (const warning of told.warnings) session.warn(`${source.what}: ${warning}`);

  using _held = store.oci.hold(partsOf(told.record.oci));
  await bringLayers(session, source, { told, manifest });
  const { key } = await store.oci.commit({
    documents,
    told,
    keeping: {
      accepted,
      latest: false,
      origin: { ...called, layers: told.record.oci.layers },
    },
  });
  store.putRemote({
    url: reference,
    signatureUrl: '',
    etag: top.digest,
    key,
    downloadTime: session.now(),
  });

  return key;
}

/**
 * How an image is accepted, by the policy of this machine or by none.
 * @throws GantryError IMAGE_REJECTED, POLICY_INVALID
 */
async function acceptanceBy(
  session: FetchSession,
  { what, reference, image, signatures }: OciSource,
): Promise<(manifests: readonly OciDigest[]) => Promise<Acceptance>> {
  const common = { time: session.now(), source: redact(reference) };
  if (session.insecure.image) {
    session.warn(`the signature of ${what} is not checked`);
    return async () => await Promise.resolve({ how: 'insecure', ...common });
  }
  const { askPolicy } = await import('../../policy/accept.ts');
  const question = { image, signatures, now: session.now() };
  const accept = await askPolicy(session.context.configDirs ?? [], question);

  return async (manifests) => ({ how: 'policy', ...common, policy: await accept(manifests) });
}

interface Found {
  readonly document: TopDocument;
  readonly manifest: OciManifest;
}

/** The manifest for this machine, through indexes where there are any. */
async function findManifest(source: OciSource, top: TopDocument): Promise<Found> {
  let document = top;
  for (let depth = 0; depth <= MAX_INDEXES; depth += 1) {
    const { bytes, mediaType, digest } = document;
    const parsed = parseOciManifest(bytes.toString(), {
      what: `manifest ${digest} of ${source.what}`,
      mediaType,
    });
    if (parsed.kind === 'manifest') return { document, manifest: parsed };

    const platform = hostPlatform();
    const chosen = choosePlatform(parsed.manifests, platform);
    if (chosen === undefined) {
      throw new GantryError(
        'IMAGE_FOREIGN',
        `cannot use ${source.what}: it is not for this machine, ${formatPlatform(platform)}`,
        { hint: platformsHint(parsed.manifests.map((each) => each.platform)) },
      );
    }
    const next = await readDocument(source, chosen);
    document = { bytes: next, mediaType: chosen.mediaType, digest: chosen.digest };
  }

  throw new GantryError(
    'IMAGE_MANIFEST_INVALID',
    `cannot use ${source.what}: it has indexes in indexes, more than ${MAX_INDEXES} deep`,
  );
}

function platformsHint(
  platforms: readonly (Parameters<typeof formatPlatform>[0] | undefined)[],
): string | undefined {
  const known = platforms
    .filter((platform) => platform !== undefined)
    .map(formatPlatform)
    .filter((platform) => /^[\w./-]{1,40}$/.test(platform));

  return known.length === 0
    ? undefined
    : `it is for ${[...new Set(known)].slice(0, 20).join(', ')}`;
}

interface Wanted {
  readonly told: ToldImage;
  readonly manifest: OciManifest;
}

async function bringLayers(
  session: FetchSession,
  source: OciSource,
  { told, manifest }: Wanted,
): Promise<void> {
  const { store } = session.context;
  const { key, oci } = told.record;
  const layers = new Map(oci.layers.map((layer) => [layer.digest, layer])).values();
  await inParallel(session.layers, layers, async (layer, failed) => {
    if (await store.oci.hasLayer(layer, key)) return;
    await bringLayer(session, source, { layer, manifest, failed });
  });
}

interface OneLayer {
  readonly layer: OciLayer;
  readonly manifest: OciManifest;
  readonly failed: AbortSignal;
}

async function bringLayer(
  session: FetchSession,
  source: OciSource,
  { layer, manifest, failed }: OneLayer,
): Promise<void> {
  const descriptor = manifest.layers.find(({ digest }) => digest === layer.digest);
  if (descriptor === undefined) throw new Error(`no descriptor of layer ${layer.digest}`);

  const { log, signal, store } = session.context;
  const arriving = reported(source.open(descriptor), {
    log,
    signal: AbortSignal.any([failed, ...(signal === undefined ? [] : [signal])]),
    id: shortDigest(layer.digest),
    what: source.what,
    total: layer.size,
  });
  const chunks = inTurn(session.downloads, arriving, failed);
  const what = `layer ${layer.digest} of ${source.what}`;
  await refusing(what, async () => await store.oci.takeLayer({ ...layer, chunks, what }));
}
