import { ENDPOINTS, type Endpoint } from '../app/stdio-modes.ts';
import { badArguments } from './arguments.ts';

const ACTIONS = ['list', 'auto-attach', 'custom-attach'] as const;

/** What `attach` is told; rkt's. The pod's first process and the app it finds in its environment as well. */
export interface AttachArguments {
  /** List the endpoints of an app, attach to all of them, or to those named. */
  readonly action: (typeof ACTIONS)[number];
  readonly app: string;
  readonly endpoints: readonly Endpoint[];
  /** The keys that leave a terminal, as `parseDetachKeys` reads them; the stage1's own when undefined. */
  readonly detachKeys?: string | undefined;
}

export function encodeAttachArguments(args: AttachArguments): readonly string[] {
  const { action, app, endpoints, detachKeys } = args;

  return [
    `--action=${action}`,
    `--app=${app}`,
    ...(action === 'custom-attach'
      ? ENDPOINTS.map((each) => `--${each}=${endpoints.includes(each)}`)
      : []),
    ...(detachKeys === undefined ? [] : [`--detach-keys=${detachKeys}`]),
  ];
}

/**
 * Reads the command line of `attach`.
 * @param argv without the program's name
 * @throws GantryError STAGE1_BAD_ARGUMENTS
 */
export function parseAttachArguments(argv: readonly string[]): AttachArguments {
  const flags = new Map<string, string>();
  for (const word of argv) {
    const match = /^--?([a-z-]+)=(.*)$/s.exec(word);
    if (match?.[1] !== undefined && match[2] !== undefined) flags.set(match[1], match[2]);
  }
  const app = flags.get('app');
  const action = ACTIONS.find((each) => each === flags.get('action'));
  if (app === undefined || action === undefined)
    throw badArguments('--action and --app are needed');

  return {
    action,
    app,
    endpoints: ENDPOINTS.filter((each) => flags.get(each) === 'true'),
    detachKeys: flags.get('detach-keys'),
  };
}
