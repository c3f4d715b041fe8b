import { GantryError, isGantryError } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import type { ImageRecord } from '../index/image-record.ts';
import { type RegistryReference, referenceUrl } from '../reference/oci-reference.ts';
import type { NameReference, Reference, UrlReference } from '../reference/reference.ts';
import type { ImageStore } from '../store.ts';
import { imagesMeant } from '../registries/images-meant.ts';
import { openRegistries } from '../registries/open-registries.ts';
import type { Registries } from '../registries/registries.ts';
import { holdsAs, isAcceptable } from './acceptable.ts';
import type { Brought } from './bring-remote.ts';
import type { Need } from './dependencies.ts';
import { recordUrl } from './remote-url.ts';
import type { FetchContext, FetchOutcome, FetchRequest } from './request.ts';
import type { FetchSession } from './session.ts';

const MAX_DEPENDENCIES = 256;

/**
 * Brings an image and all that it depends on into the store, by the pull
 * policy. Whatever comes is verified unless the request says otherwise; an
 * image of the store whose acceptance no longer holds is fetched again, but for
 * the policy `never`, where the caller decides what to do with it.
 * @throws GantryError IMAGE_NOT_FOUND, IMAGE_AMBIGUOUS, DISCOVERY_FAILED, a `FetchFailure`, a `TrustRefusal`,
 *   SIGNATURE_MISSING, IMAGE_NAME_MISMATCH, IMAGE_LABEL_MISMATCH, what the archive or the store refuse
 */
export async function fetchImage(
  request: FetchRequest,
  context: FetchContext,
): Promise<FetchOutcome> {
  using course = openCourse(request, context);
  const { key, fetched } = await bring(course, request.reference, request);
  if (!fetched && request.signature !== undefined) {
    context.log.warning(
      `signature "${request.signature}" is not looked at: the image is here already`,
    );
  }
  if (request.withDependencies === false) return { key, fetched, dependencies: [] };

  const { dependencies: needs = [] } = context.store.manifest(key);
  if (needs.length === 0) return { key, fetched, dependencies: [] };

  const { bringDependencies } = await import('./dependencies.ts');
  const dependencies = await bringDependencies(key, {
    manifest: (each) => context.store.manifest(each),
    bring: async (need) => await bringNeed(course, need),
    max: context.limits?.maxDependencies ?? MAX_DEPENDENCIES,
  });
  return { key, fetched, dependencies };
}

/** One call of `fetchImage`. Whatever only the network needs is loaded when it is needed first. */
interface Course extends Disposable {
  readonly request: FetchRequest;
  readonly context: FetchContext;
  readonly session: () => Promise<FetchSession>;
  /** What is configured of registries, read once. @throws GantryError REGISTRIES_INVALID */
  readonly registries: () => Promise<Registries>;
  /** Keeps gc away from an image to the end of the course. @throws GantryError IMAGE_NOT_FOUND */
  readonly hold: (key: ImageKey) => void;
}

function openCourse(request: FetchRequest, context: FetchContext): Course {
  const held = new DisposableStack();
  let session: FetchSession | undefined;
  let registries: Promise<Registries> | undefined;

  return {
    request,
    context,
    session: async () => {
      const { openSession } = await import('./session.ts');
      session ??= openSession(context, request);
      return session;
    },
    registries: async () => {
      registries ??= openRegistries(context.configDirs ?? [], context.log);
      return await registries;
    },
    hold: (key) => void held.use(context.store.lease([key])),
    [Symbol.dispose]: () => {
      held.dispose();
      session?.[Symbol.dispose]();
    },
  };
}

/** What holds for one image and not for those it depends on. */
type Own = Pick<FetchRequest, 'signature' | 'acceptAs'> & Partial<Pick<Need, 'size' | 'dependant'>>;

/** So often an image is brought in when gc takes it away again at once. */
const MAX_TRIES = 3;

/** Brings an image in and keeps it, until all that it depends on or that depends on it is there. */
async function bring(course: Course, reference: Reference, own: Own): Promise<Brought> {
  for (let tries = 1; ; tries += 1) {
    const brought = await bringOnce(course, reference, own);
    try {
      course.hold(brought.key);
      return brought;
    } catch (error) {
      if (tries === MAX_TRIES || !isGantryError(error, 'IMAGE_NOT_FOUND')) throw error;
    }
  }
}

async function bringOnce(course: Course, reference: Reference, own: Own): Promise<Brought> {
  const { context } = course;
  switch (reference.kind) {
    case 'hash':
      return { key: context.store.findByPrefix(reference.prefix), fetched: false };
    case 'path': {
      const { bringFile } = await import('./bring-file.ts');
      return { key: await bringFile(await course.session(), reference, own), fetched: true };
    }
    case 'registry': {
      const images = await imagesMeant(reference, course.registries);
      const kept = await fromStore(course, reference, images);
      if (kept !== undefined) return { key: kept, fetched: false };
      const { bringRegistry } = await import('./oci/bring-registry.ts');
      const registries = await course.registries();
      const meant = { text: reference.text, images };
      return { key: await bringRegistry(await course.session(), registries, meant), fetched: true };
    }
    case 'local': {
      const { openLocalSource } = await import('./oci/local-source.ts');
      const { bringOci } = await import('./oci/bring-oci.ts');
      const session = await course.session();
      await using source = await openLocalSource(session, reference);
      return { key: await bringOci(session, source), fetched: true };
    }
    default: {
      const kept = await fromStore(course, reference, [reference]);
      return kept === undefined
        ? await fromNetwork(course, reference, own)
        : { key: kept, fetched: false };
    }
  }
}

/** What an image may be kept by. */
type Kept = NameReference | UrlReference | RegistryReference;

/**
 * The image of the store that is meant, provided that the policy lets it be used without asking the server.
 * @param meant what the reference may mean, the likeliest first
 */
async function fromStore(
  { request, context }: Course,
  reference: Kept,
  meant: readonly Kept[],
): Promise<ImageKey | undefined> {
  const { pullPolicy, insecure } = request;
  const { store, trust, configDirs = [] } = context;
  if (pullPolicy === 'update') return undefined;

  const found = findKept(store, meant);
  if (found === undefined) {
    if (pullPolicy === 'new') return undefined;
    throw notInStore(reference);
  }
  const { asked, record } = found;
  if (pullPolicy === 'never') return record.key;
  const standard = { store, trust, insecure, configDirs };
  const holds =
    insecure.image || asked.kind !== 'registry' || (await holdsAs(configDirs, record, asked));
  if (holds && (await isAcceptable(record, standard))) return record.key;

  context.log.info(
    `image "${record.name}" is in the store, but not whole or not verified: fetching it`,
  );
  return undefined;
}

/** Under which it is written down what an address led to. */
const addressOf = (reference: UrlReference | RegistryReference): string =>
  reference.kind === 'url' ? recordUrl(reference.url) : referenceUrl(reference);

interface Found {
  readonly asked: Kept;
  readonly record: ImageRecord;
}

/** The first of what is meant that the store has. */
function findKept(store: ImageStore, meant: readonly Kept[]): Found | undefined {
  for (const asked of meant) {
    const record = recordOf(store, asked);
    if (record !== undefined) return { asked, record };
  }

  return undefined;
}

function recordOf(store: ImageStore, reference: Kept): ImageRecord | undefined {
  if (reference.kind === 'name') return store.findByName(reference.name, reference.labels);
  const remote = store.remote(addressOf(reference));

  return remote === undefined ? undefined : store.record(remote.key);
}

function notInStore(reference: Kept): GantryError {
  const what = reference.kind === 'name' ? reference.text : addressOf(reference);

  return new GantryError(
    'IMAGE_NOT_FOUND',
    `cannot find image "${what}": it is not in the store, and the pull policy is never`,
    { hint: 'fetch it first, or use --pull-policy=new' },
  );
}

async function fromNetwork(
  course: Course,
  reference: NameReference | UrlReference,
  own: Own,
): Promise<Brought> {
  const session = await course.session();
  const { bringNamed, bringUrl } = await import('./bring-remote.ts');

  return reference.kind === 'name'
    ? await bringNamed(session, reference, own)
    : await bringUrl(session, reference, own);
}

async function bringNeed(course: Course, need: Need): Promise<ImageKey> {
  return (await byId(course, need)) ?? (await bring(course, need.reference, need)).key;
}

/** A dependency that is named by its hash cannot have changed: no server needs to be asked. */
async function byId(
  { request: { pullPolicy, insecure }, context: { store, trust }, hold }: Course,
  { id, reference }: Need,
): Promise<ImageKey | undefined> {
  if (id === undefined) return undefined;
  try {
    const record = store.record(store.findByPrefix(id));
    if (record?.name !== reference.name) return undefined;
    const isUsable =
      pullPolicy === 'never' || (await isAcceptable(record, { store, trust, insecure }));
    if (!isUsable) return undefined;
    hold(record.key);
    return record.key;
  } catch (error) {
    if (isGantryError(error, 'IMAGE_NOT_FOUND', 'IMAGE_AMBIGUOUS')) return undefined;
    throw error;
  }
}
