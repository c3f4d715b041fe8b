import type { ExecResult } from '#base/exec/exec';
import { demandSuccess } from '#base/exec/node-exec';
import { type CallOptions, createPodContext, type PodContext } from './pod-context.ts';
import { makeImage, type TestImage } from './image-maker.ts';

/** Pods under fly, from images that were fetched without a signature. */
export interface FlyPods extends AsyncDisposable {
  readonly context: PodContext;
  /** Makes an image and fetches it. */
  add(image: TestImage): Promise<void>;
  /** `gantry run --stage1-name=fly ARGS`. */
  run(args: readonly string[], options?: CallOptions): Promise<ExecResult>;
  /** The same as an argument vector, for tests that start it through another program. */
  argv(...args: readonly string[]): [string, ...string[]];
}

const RUN = ['run', '--insecure-options=image', '--stage1-name=fly'] as const;

export function createFlyPods(): FlyPods {
  const context = createPodContext();

  return {
    context,
    argv: (...args) => context.argv(...RUN, ...args),
    async add(image) {
      const path = await makeImage(context.workDir, image);
      demandSuccess(
        await context.gantry(['fetch', '--insecure-options=image', path]),
        `fetch ${path}`,
      );
    },
    run: async (args, options) => await context.gantry([...RUN, ...args], options),
    [Symbol.asyncDispose]: async () => await context[Symbol.asyncDispose](),
  };
}
