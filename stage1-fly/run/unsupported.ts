import { GantryError } from '#base/errors/gantry-error';
import type { Log } from '#base/log/log';
import type { RunArguments } from '#stage1';
import type { FlyPod } from './pod.ts';

/** What fly cannot do and must not silently leave out. */
interface Refusal {
  readonly applies: (pod: FlyPod, args: RunArguments) => boolean;
  /** Follows `fly cannot`. */
  readonly what: string;
  readonly hint: string;
}

const OTHER_FLAVOR = 'choose another flavor with --stage1-name=nspawn';

const REFUSALS: readonly Refusal[] = [
  {
    applies: (_pod, { net }) => net !== '' && net !== 'host' && net !== 'default',
    what: 'give a pod a network of its own',
    hint: `use --net=host, or ${OTHER_FLAVOR}`,
  },
  {
    applies: (_pod, { privateUsers }) => privateUsers !== undefined,
    what: 'give a pod users of its own',
    hint: OTHER_FLAVOR,
  },
  {
    applies: (_pod, { ipc }) => ipc === 'private',
    what: 'give a pod an IPC namespace of its own',
    hint: OTHER_FLAVOR,
  },
  {
    applies: (_pod, { mutable }) => mutable,
    what: 'add apps to a running pod',
    hint: OTHER_FLAVOR,
  },
  {
    applies: ({ description }) =>
      description.eventHandlers?.some(({ name }) => name === 'post-stop') ?? false,
    what: 'run a post-stop handler, for nothing of it stays beside the app',
    hint: `have the service manager that starts gantry do it (ExecStopPost=), or ${OTHER_FLAVOR}`,
  },
];

/** @throws GantryError FLY_CANNOT */
export function refuseUnsupported(pod: FlyPod, args: RunArguments): void {
  const refusal = REFUSALS.find(({ applies }) => applies(pod, args));
  if (refusal === undefined) return;

  throw new GantryError(
    'FLY_CANNOT',
    `cannot run app "${pod.app.name}": fly cannot ${refusal.what}`,
    {
      hint: refusal.hint,
    },
  );
}

/** Says what is asked for and left out, where leaving it out only makes the app what fly apps are: part of the host. */
export function warnOfUnsupported(pod: FlyPod, args: RunArguments, log: Log): void {
  if (args.hostname !== undefined) log.warning('fly leaves the host name as it is');
  const isolators = pod.description.isolators?.map(({ name }) => name) ?? [];
  if (isolators.length > 0) log.warning(`fly does not isolate: ignoring ${isolators.join(', ')}`);
}
