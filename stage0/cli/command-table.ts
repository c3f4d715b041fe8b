import type { Command } from './command.ts';

/** A command's place in the program; its module is loaded only when it is called. */
export interface CommandEntry {
  /** One word, or two for a command of a group: `image list`. */
  readonly name: string;
  readonly summary: string;
  readonly hidden?: boolean;
  /** Whether it is only for effective user id 0. */
  readonly needsRoot?: boolean;
  load(): Promise<{ readonly command: Command }>;
}

/** Every command, in the order that help shows them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'attach',
    summary: 'Connect with the streams or the terminal of an app',
    needsRoot: true,
    load: () => import('../commands/attach.ts'),
  },
  {
    name: 'cat-manifest',
    summary: 'Print the manifest of a pod',
    load: () => import('../commands/cat-manifest.ts'),
  },
  {
    name: 'complete',
    summary: 'Print what can stand at the end of a command line',
    hidden: true,
    load: () => import('../commands/complete.ts'),
  },
  {
    name: 'completion',
    summary: 'Print a script that has a shell complete command lines',
    load: () => import('../commands/completion.ts'),
  },
  {
    name: 'config',
    summary: 'Print the configuration',
    load: () => import('../commands/config.ts'),
  },
  {
    name: 'df',
    summary: 'Show what images and pods take on the disk',
    needsRoot: true,
    load: () => import('../commands/df.ts'),
  },
  {
    name: 'enter',
    summary: 'Run a command in an app of a running pod',
    needsRoot: true,
    load: () => import('../commands/enter.ts'),
  },
  {
    name: 'export',
    summary: 'Write what an app of an ended pod left to a file, as an image',
    needsRoot: true,
    load: () => import('../commands/export.ts'),
  },
  {
    name: 'fetch',
    summary: 'Fetch and verify images',
    load: () => import('../commands/fetch.ts'),
  },
  {
    name: 'gc',
    summary: 'Remove pods that have ended',
    needsRoot: true,
    load: () => import('../commands/gc.ts'),
  },
  {
    name: 'help',
    summary: 'Show the help of gantry or of one command',
    load: () => import('../commands/help.ts'),
  },
  {
    name: 'image cat-manifest',
    summary: 'Print the manifest of an image',
    load: () => import('../commands/image-cat-manifest.ts'),
  },
  {
    name: 'image diff',
    summary: 'Show what an image changes in another, or in its lower layers',
    load: () => import('../commands/image-diff.ts'),
  },
  {
    name: 'image export',
    summary: 'Write an image to a file',
    load: () => import('../commands/image-export.ts'),
  },
  {
    name: 'image extract',
    summary: 'Extract the archive of an image into a directory',
    load: () => import('../commands/image-extract.ts'),
  },
  {
    name: 'image fetch',
    summary: 'Fetch and verify images',
    hidden: true,
    load: () => import('../commands/fetch.ts'),
  },
  {
    name: 'image gc',
    summary: 'Remove images that were not used for a while',
    load: () => import('../commands/image-gc.ts'),
  },
  {
    name: 'image history',
    summary: 'Show how an image was made',
    load: () => import('../commands/image-history.ts'),
  },
  {
    name: 'image inspect',
    summary: 'Print everything that is known of images',
    load: () => import('../commands/image-inspect.ts'),
  },
  {
    name: 'image list',
    summary: 'List the images in the store',
    load: () => import('../commands/image-list.ts'),
  },
  {
    name: 'image load',
    summary: 'Take images out of an archive',
    load: () => import('../commands/image-load.ts'),
  },
  {
    name: 'image render',
    summary: 'Render an image and its dependencies into a directory',
    load: () => import('../commands/image-render.ts'),
  },
  {
    name: 'image rm',
    summary: 'Remove images from the store',
    load: () => import('../commands/image-rm.ts'),
  },
  {
    name: 'image save',
    summary: 'Write OCI images to one archive',
    load: () => import('../commands/image-save.ts'),
  },
  {
    name: 'image verify',
    summary: 'Verify archives and rendered trees',
    load: () => import('../commands/image-verify.ts'),
  },
  {
    name: 'inspect',
    summary: 'Print everything that is known of a pod',
    load: () => import('../commands/inspect.ts'),
  },
  {
    name: 'list',
    summary: 'List pods',
    load: () => import('../commands/list.ts'),
  },
  {
    name: 'logs',
    summary: 'Print what the apps of a pod said',
    load: () => import('../commands/logs.ts'),
  },
  {
    name: 'pod-release',
    summary: 'Give back what a pod held that has ended',
    hidden: true,
    needsRoot: true,
    load: () => import('../commands/pod-release.ts'),
  },
  {
    name: 'prepare',
    summary: 'Make a pod without running it',
    needsRoot: true,
    load: () => import('../commands/prepare.ts'),
  },
  {
    name: 'push',
    summary: 'Push an OCI image to a registry',
    load: () => import('../commands/push.ts'),
  },
  {
    name: 'rm',
    summary: 'Remove pods',
    needsRoot: true,
    load: () => import('../commands/rm.ts'),
  },
  {
    name: 'run',
    summary: 'Run images in a pod',
    needsRoot: true,
    load: () => import('../commands/run.ts'),
  },
  {
    name: 'run-prepared',
    summary: 'Run a prepared pod',
    needsRoot: true,
    load: () => import('../commands/run-prepared.ts'),
  },
  {
    name: 'status',
    summary: 'Print the state of a pod',
    load: () => import('../commands/status.ts'),
  },
  {
    name: 'stop',
    summary: 'Stop pods',
    load: () => import('../commands/stop.ts'),
  },
  {
    name: 'top',
    summary: 'Show what running pods use',
    load: () => import('../commands/top.ts'),
  },
  {
    name: 'trust',
    summary: 'Trust keys for the signatures of images',
    load: () => import('../commands/trust.ts'),
  },
  {
    name: 'version',
    summary: 'Print the versions of the program and of what it speaks',
    load: () => import('../commands/version.ts'),
  },
  {
    name: 'wait',
    summary: 'Wait until pods have ended',
    load: () => import('../commands/wait.ts'),
  },
];

/** Groups of commands, `gantry image list`. */
export const GROUPS: Readonly<Record<string, string>> = {
  image: 'Work on the images in the store',
};
