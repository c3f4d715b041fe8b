import { readFileSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { type PodManifest, parsePodManifest } from '#schema/pod/pod-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import { demandFreeName } from '../pod/claim-pod-name.ts';
import { readEnvironmentFiles } from '../prepare/environment-file.ts';
import { buildPodManifest } from '../prepare/pod-manifest.ts';
import { chooseStage1 } from '../stage1/choose.ts';
import { type Flavor, readFlavor } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { demandRunnable, findImage, type RunnableImage } from './images.ts';
import type { Library } from './library.ts';
import type { PrepareRequest } from './requests.ts';

/** A pod that could be made: every image found, accepted, rendered and unchanged. */
export interface PodPlan {
  readonly manifest: PodManifest;
  readonly flavor: Flavor;
  readonly stage1: RunnableImage;
  /** In the order of the apps. */
  readonly apps: readonly RunnableImage[];
  /** Every image that the pod is made of, for a lease. */
  readonly keys: readonly ImageKey[];
}

/**
 * Finds out what a request means: fetches and renders what is missing, and
 * makes nothing of a pod yet.
 * @throws GantryError of whatever is refused
 */
export async function planPod(
  context: OperationContext,
  library: Library,
  request: PrepareRequest,
): Promise<PodPlan> {
  const { insecure, podName } = request;
  // Found out before anything is fetched for it; the name is taken when the pod is made.
  if (podName !== undefined) demandFreeName(context.kernel, context.dataDir, podName);
  const stage1Key = await chooseStage1(context, library, { choice: request.stage1, insecure });
  const stage1 = await demandRunnable(context, library, { key: stage1Key, insecure });

  const given = request.podManifest === undefined ? undefined : readManifest(request.podManifest);
  const appKeys =
    given === undefined
      ? await findRequested(context, library, request)
      : given.apps.map(({ image }) => library.store.findByPrefix(image.id));
  const apps: RunnableImage[] = [];
  for (const key of appKeys) apps.push(await demandRunnable(context, library, { key, insecure }));

  const manifest = given ?? describe(context, request, apps);
  return {
    manifest,
    flavor: readFlavor(stage1.manifest),
    stage1,
    apps,
    keys: [stage1, ...apps].flatMap(({ layers }) => layers),
  };
}

/** Fetches one after the other: the messages of several at once could not be told apart. */
async function findRequested(
  context: OperationContext,
  library: Library,
  { apps, pullPolicy, insecure }: PrepareRequest,
): Promise<readonly ImageKey[]> {
  const keys: ImageKey[] = [];
  for (const { image, signature } of apps) {
    keys.push(await findImage(context, library, { text: image, pullPolicy, insecure, signature }));
  }

  return keys;
}

function describe(
  context: OperationContext,
  request: PrepareRequest,
  images: readonly RunnableImage[],
): PodManifest {
  return buildPodManifest({
    request,
    apps: request.apps.map((app, index) => {
      const image = images[index];
      if (image === undefined) throw new Error(`no image for ${app.image}`);
      return { request: app, image };
    }),
    callerEnv: context.env,
    setEnvFile: readEnvironmentFiles(request.setEnvFiles),
  });
}

function readManifest(path: string): PodManifest {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new GantryError(
      'POD_MANIFEST_UNREADABLE',
      `cannot read pod manifest "${path}": ${errorCode(error) ?? 'it cannot be opened'}`,
      { cause: error },
    );
  }

  return parsePodManifest(text);
}
