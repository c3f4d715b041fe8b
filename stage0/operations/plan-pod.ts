import { utf8Text } from '#base/decode/utf8';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import { type PodManifest, parsePodManifest } from '#schema/pod/pod-manifest';
import type { ImageKey } from '#schema/types/image-hash';
import { demandExactEnvironment } from '../config/given-bytes.ts';
import { demandFreeName } from '../pod/claim-pod-name.ts';
import { readEnvironmentFiles } from '../prepare/environment-file.ts';
import { buildPodManifest } from '../prepare/pod-manifest.ts';
import { chooseStage1 } from '../stage1/choose.ts';
import { type Flavor, readFlavor } from '../stage1/flavor.ts';
import type { OperationContext } from './context.ts';
import { demandRunnable, findImage, type RunnableImage, renewalOf } from './images.ts';
import { holdImages, type ImageHold } from './hold-image.ts';
import type { Library } from './library.ts';
import type { PrepareRequest } from './requests.ts';

/** As much as an image's own manifest may have. */
const MAX_MANIFEST_BYTES = 1024 * 1024;

/**
 * A pod that could be made: every image found, accepted, rendered and unchanged.
 * Nobody removes them until it is disposed of; a second time is nothing.
 */
export interface PodPlan extends Disposable {
  readonly manifest: PodManifest;
  readonly flavor: Flavor;
  readonly stage1: RunnableImage;
  /** In the order of the apps. */
  readonly apps: readonly RunnableImage[];
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
  const { podName } = request;
  // Found out before anything is fetched for it; the name is taken when the pod is made.
  if (podName !== undefined) demandFreeName(context.kernel, context.dataDir, podName);

  const images = holdImages(library);
  const release = (): void => images[Symbol.dispose]();
  try {
    return {
      ...(await planHeld(context, library, { request, images })),
      [Symbol.dispose]: release,
    };
  } catch (error) {
    release();
    throw error;
  }
}

interface Held {
  readonly request: PrepareRequest;
  readonly images: ImageHold;
}

async function planHeld(
  context: OperationContext,
  library: Library,
  { request, images }: Held,
): Promise<Omit<PodPlan, typeof Symbol.dispose>> {
  const { insecure, stage1: choice } = request;
  const runnable = async (key: ImageKey): Promise<RunnableImage> => {
    const image = await demandRunnable(context, library, { key, insecure });
    images.hold(image.layers.filter((layer) => layer !== key));
    return image;
  };
  const sought = async ({ text, find, renew }: Search): Promise<RunnableImage> => {
    const key = await images.find(find);
    try {
      return await runnable(key);
    } catch (error) {
      const isLacking = isGantryError(error, 'IMAGE_UNTRUSTED', 'IMAGE_NOT_FOUND');
      const renewed = isLacking && renew !== undefined ? await renewal(text, renew) : undefined;
      if (renewed === undefined) throw error;
      return await runnable(renewed);
    }
  };
  /** Undefined when it cannot be brought: what is wrong with that of the store says more. */
  const renewal = async (
    text: string | undefined,
    renew: () => Promise<ImageKey>,
  ): Promise<ImageKey | undefined> => {
    try {
      return await images.find(renew);
    } catch (error) {
      if (!isGantryError(error)) throw error;
      context.log.warning(`image "${text}" cannot be fetched again: ${error.message}`);
      return undefined;
    }
  };

  const stage1 = await sought({
    find: async () => await chooseStage1(context, library, { choice, insecure }),
  });
  const given = request.podManifest === undefined ? undefined : readManifest(request.podManifest);
  const apps: RunnableImage[] = [];
  // One after the other: the messages of several fetches at once could not be told apart.
  for (const search of searches(context, library, { request, given })) {
    apps.push(await sought(search));
  }

  const manifest = given ?? describe(context, request, apps);
  return { manifest, flavor: readFlavor(stage1.manifest), stage1, apps };
}

interface Asked {
  readonly request: PrepareRequest;
  readonly given: PodManifest | undefined;
}

/** How the image of an app is found. */
interface Search {
  /** As typed. */
  readonly text?: string;
  readonly find: () => Promise<ImageKey>;
  /** How, when what is found cannot be run as it is. */
  readonly renew?: (() => Promise<ImageKey>) | undefined;
}

/** How to find the image of each app, in their order. */
function searches(
  context: OperationContext,
  library: Library,
  { request, given }: Asked,
): readonly Search[] {
  if (given !== undefined) {
    const { store } = library;
    return given.apps.map(({ image: { id } }) => ({
      find: async () => await Promise.resolve(store.findByPrefix(id)),
    }));
  }

  const { apps, pullPolicy, insecure } = request;
  return apps.map(({ image, signature }, index) => {
    const wish = { text: image, pullPolicy, insecure, signature };
    return {
      text: image,
      find: async () => {
        try {
          return await findImage(context, library, wish);
        } catch (error) {
          throw index === 0 ? error : orArgument(error, image);
        }
      },
      renew: renewalOf(context, library, wish),
    };
  });
}

/** What follows an image and looks like a word of its app is seldom meant as an image. */
function orArgument(error: unknown, text: string): unknown {
  if (/[.:]/.test(text) || !isGantryError(error)) return error;

  const said = error.hint === undefined ? '' : `${error.hint}; `;
  return new GantryError(error.code, error.message, {
    hint: `${said}"${text}" is taken for an image: arguments of an app follow "--"`,
    cause: error.cause,
  });
}

function describe(
  context: OperationContext,
  request: PrepareRequest,
  images: readonly RunnableImage[],
): PodManifest {
  if (request.inheritEnv) demandExactEnvironment(context.env);

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
  const what = `pod manifest "${path}"`;
  let text: string;
  try {
    text = utf8Text(readNamedFile(path, MAX_MANIFEST_BYTES));
  } catch (error) {
    throw new GantryError('POD_MANIFEST_UNREADABLE', `cannot read ${what}: ${fileState(error)}`, {
      cause: error,
    });
  }

  return parsePodManifest(text, what);
}
