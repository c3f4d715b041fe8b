import type { Command } from './command.ts';

/** A command's place in the program; its module is loaded only when it is called. */
export interface CommandEntry {
  /** One word, or two for a command of a group: `image list`. */
  readonly name: string;
  readonly summary: string;
  readonly hidden?: boolean;
  /** What must be so before it starts. */
  readonly needsRoot?: boolean;
  load(): Promise<{ readonly command: Command }>;
}

/** Every command, in the order that help shows them. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'help',
    summary: 'Show the help of gantry or of one command',
    load: () => import('../commands/help.ts'),
  },
  {
    name: 'version',
    summary: 'Print the versions of the program and of what it speaks',
    load: () => import('../commands/version.ts'),
  },
];

/** Groups of commands, `gantry image list`. */
export const GROUPS: Readonly<Record<string, string>> = {
  image: 'Work on the images in the store',
};
