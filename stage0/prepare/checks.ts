import { statSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import type { HostVolume } from '#schema/pod/volume';
import {
  exitPolicyOf,
  type FlavorFeature,
  isPlainStdio,
  MAX_APP_NAME,
  mountPlace,
  resolvePorts,
  restartOf,
  stdioModesOf,
} from '#stage1';
import type { RunOptions } from '../operations/requests.ts';
import { type Flavor, promises } from '../stage1/flavor.ts';

/** A pod as it would be prepared. */
export interface PodProposal {
  readonly manifest: PodManifest;
  /** Of the apps' images, in the order of the apps. */
  readonly images: readonly ImageManifest[];
  readonly flavor: Flavor;
  /** Flags whose feature is not built yet. */
  readonly unsupported: readonly string[];
}

/** A pod as it would be run. */
export interface RunProposal extends PodProposal {
  readonly options: RunOptions;
}

/** One thing that a pod must be; throws when it is not. */
interface Check<Proposal> {
  /** What is refused. */
  readonly name: string;
  readonly check: (proposal: Proposal) => void;
}

const OTHER_FLAVOR = 'choose another flavor, with --stage1-name=nspawn for example';

const POD_CHECKS: readonly Check<PodProposal>[] = [
  {
    name: 'flags whose feature is not built yet',
    check: ({ unsupported }) => {
      if (unsupported.length === 0) return;
      throw new GantryError(
        'NOT_SUPPORTED',
        `cannot make the pod: ${unsupported.join(', ')} not supported yet`,
        {
          hint: 'leave it out: nothing that was asked for is silently ignored',
        },
      );
    },
  },
  {
    name: 'stdio modes that are none, or that the flavor does not have',
    check: ({ manifest, flavor }) => {
      if (flavor.features === 'all') return;
      const led = manifest.apps.find((app) => !isPlainStdio(stdioModesOf(app)));
      if (led === undefined) return;
      demandFeature(flavor, 'stdio-modes', `lead the streams of app "${led.name}" elsewhere`);
    },
  },
  {
    name: 'isolators of the pod as a whole, but of a stage1 that may know them',
    check: ({ manifest: { isolators = [] }, flavor }) => {
      if (isolators.length === 0 || flavor.features === 'all') return;
      const named = isolators.map(({ name }, index) => `isolators[${index}] "${name}"`);
      throw new GantryError(
        'POD_ISOLATORS',
        `cannot make the pod: ${named.join(', ')} of the pod manifest ${named.length === 1 ? 'is' : 'are'} for the pod as a whole, which ${flavor.name} does not isolate`,
        {
          hint: 'leave out "isolators": nothing that was asked for is silently ignored',
        },
      );
    },
  },
  {
    name: 'a pod without apps',
    check: ({ manifest }) => {
      if (manifest.apps.length > 0) return;
      throw new GantryError('POD_EMPTY', 'cannot make the pod: it has no app', {
        hint: 'name an image',
      });
    },
  },
  {
    name: 'two apps of one name',
    check: ({ manifest }) => {
      const names = manifest.apps.map(({ name }) => name);
      const twice = names.find((name, index) => names.indexOf(name) !== index);
      if (twice === undefined) return;
      throw new GantryError(
        'APP_NAME_TWICE',
        `cannot make the pod: two apps are called "${twice}"`,
        {
          hint: 'give one of them another name with --name',
        },
      );
    },
  },
  {
    name: 'names that are too long for what an app is made of',
    check: ({ manifest }) => {
      const long = manifest.apps.find(({ name }) => name.length > MAX_APP_NAME);
      if (long === undefined) return;
      throw new GantryError(
        'APP_NAME_LONG',
        `cannot make the pod: the name of app "${long.name.slice(0, 32)}…" is longer than ${MAX_APP_NAME} characters`,
        { hint: 'give it a shorter one with --name' },
      );
    },
  },
  {
    name: 'apps that nobody described',
    check: ({ manifest, images }) => {
      manifest.apps.forEach((app, index) => {
        const exec = (app.app ?? images[index]?.app)?.exec ?? [];
        if (exec.length > 0) return;
        throw new GantryError(
          'APP_NOT_DESCRIBED',
          `cannot run app "${app.name}": its image does not say what to execute`,
          { hint: 'name a program with --exec' },
        );
      });
    },
  },
  {
    name: 'mounts of volumes that are not there',
    check: ({ manifest }) => {
      const volumes = new Set<string>(manifest.volumes?.map(({ name }) => name));
      for (const app of manifest.apps) {
        const dangling = app.mounts?.find(
          ({ volume, appVolume }) => appVolume === undefined && !volumes.has(volume),
        );
        if (dangling === undefined) continue;
        throw new GantryError(
          'MOUNT_DANGLING',
          `cannot mount volume "${dangling.volume}" on "${dangling.path}" of app "${app.name}": the pod has no such volume`,
          { hint: `add --volume ${dangling.volume},kind=…` },
        );
      }
    },
  },
  {
    name: 'two mounts at one place',
    check: ({ manifest }) => {
      for (const app of manifest.apps) refuseMountsAtOnePlace(app);
    },
  },
  {
    name: 'ports that no app has, or that are forwarded twice',
    check: ({ manifest, images }) => {
      const apps = manifest.apps.map(({ name, app }, index) => ({
        name,
        ports: (app ?? images[index]?.app)?.ports ?? [],
      }));
      // Of a prepared pod whose images describe its apps this was asked when it was prepared.
      const isTold = manifest.apps.every(({ app }, index) => app ?? images[index]?.app);
      if (isTold) resolvePorts(manifest.ports ?? [], apps);
    },
  },
  {
    name: 'ports where the flavor cannot forward them',
    check: ({ manifest, flavor }) => {
      const [port] = manifest.ports ?? [];
      if (port !== undefined) demandFeature(flavor, 'netns', `forward port "${port.name}"`);
    },
  },
  {
    name: 'several apps where the flavor runs one',
    check: ({ manifest, flavor }) => {
      if (manifest.apps.length < 2) return;
      demandFeature(flavor, 'several-apps', `run ${manifest.apps.length} apps in one pod`);
    },
  },
  {
    name: 'a policy that nobody knows, or that the flavor cannot follow',
    check: ({ manifest, flavor }) => {
      if (exitPolicyOf(manifest) !== 'any-failure' && manifest.apps.length > 1) {
        demandFeature(flavor, 'exit-policy', 'end a pod by another rule than at the first failure');
      }
      const restarted = manifest.apps.find((app) => restartOf(app).when !== 'no');
      if (restarted === undefined || promises(flavor, 'restart')) return;
      throw new GantryError(
        'FLAVOR_CANNOT',
        `cannot make the pod: ${flavor.name} cannot start app "${restarted.name}" again`,
        {
          hint: 'nothing of gantry stays that could: let the service manager do it, by Restart= of the unit',
        },
      );
    },
  },
  {
    name: 'post-stop handlers where the flavor cannot run them',
    check: ({ manifest, images, flavor }) => {
      const handled = manifest.apps.find((app, index) =>
        (app.app ?? images[index]?.app)?.eventHandlers?.some(({ name }) => name === 'post-stop'),
      );
      if (handled === undefined) return;
      demandFeature(flavor, 'stop-hooks', `run the post-stop handler of app "${handled.name}"`);
    },
  },
];

const RUN_CHECKS: readonly Check<RunProposal>[] = [
  ...POD_CHECKS,
  {
    name: 'a terminal for several apps',
    check: ({ manifest, options }) => {
      if (!options.interactive || manifest.apps.length === 1) return;
      throw new GantryError(
        'POD_NOT_INTERACTIVE',
        `cannot give ${manifest.apps.length} apps one terminal: --interactive is for a pod of one app`,
      );
    },
  },
  {
    name: 'the terminal of the caller for an app whose streams lead elsewhere',
    check: ({ manifest, options, flavor }) => {
      if (!options.interactive || flavor.features === 'all') return;
      const led = manifest.apps.find((app) => !isPlainStdio(stdioModesOf(app)));
      if (led === undefined) return;
      throw new GantryError(
        'POD_NOT_INTERACTIVE',
        `cannot give app "${led.name}" the streams of the caller: its own lead elsewhere`,
        { hint: 'leave out --interactive, or --stdin, --stdout and --stderr' },
      );
    },
  },
  {
    name: 'ports where there is no network to forward them to',
    check: ({ manifest, options: { net } }) => {
      const [port] = manifest.ports ?? [];
      const none = ['host', 'none'].find((name) => net?.includes(name));
      if (port === undefined || none === undefined) return;
      throw new GantryError(
        'PORT_WITHOUT_NETWORK',
        `cannot forward port "${port.name}": with --net=${none} the pod has no network of its own for it`,
        { hint: none === 'host' ? 'its apps listen on the host itself' : 'leave out --net=none' },
      );
    },
  },
  {
    name: 'a network of its own where the flavor has none',
    check: ({ options, flavor }) => {
      if (options.net === undefined || options.net.includes('host')) return;
      demandFeature(flavor, 'netns', 'give a pod a network of its own');
    },
  },
  {
    name: 'volumes whose source is not there',
    check: ({ manifest }) => {
      const own = manifest.apps.flatMap(({ mounts = [] }) =>
        mounts.flatMap((mount) => mount.appVolume ?? []),
      );
      for (const volume of [...(manifest.volumes ?? []), ...own]) {
        if (volume.kind === 'host') demandSource(volume);
      }
    },
  },
];

/** Refuses what `prepare` must refuse, first things first. @throws GantryError of the first check that fails */
export function checkPod(proposal: PodProposal): void {
  for (const { check } of POD_CHECKS) check(proposal);
}

/** Refuses what `run` and `run-prepared` must refuse. @throws GantryError of the first check that fails */
export function checkRun(proposal: RunProposal): void {
  for (const { check } of RUN_CHECKS) check(proposal);
}

function demandSource({ name, source }: HostVolume): void {
  let state: string | undefined;
  let cause: unknown;
  try {
    if (statSync(source, { throwIfNoEntry: false }) !== undefined) return;
  } catch (error) {
    state = fileState(error);
    cause = error;
  }

  throw new GantryError(
    'VOLUME_SOURCE_MISSING',
    state === undefined
      ? `cannot use volume "${name}": there is no "${source}" on the host`
      : `cannot use volume "${name}": "${source}" on the host cannot be looked at: ${state}`,
    { hint: 'make it, or name another source', ...(cause === undefined ? {} : { cause }) },
  );
}

function refuseMountsAtOnePlace({ name, mounts = [] }: RuntimeApp): void {
  const places = mounts.map(({ path }) => mountPlace(path));
  const second = mounts.find((_mount, index) => places.indexOf(places[index] ?? '') < index);
  if (second === undefined) return;
  const first = mounts[places.indexOf(mountPlace(second.path))];

  throw new GantryError(
    'MOUNT_TARGET_TWICE',
    `cannot mount volume "${second.volume}" on "${second.path}" of app "${name}": volume "${first?.volume}" is mounted there`,
    { hint: 'give each a place of its own' },
  );
}

function demandFeature(flavor: Flavor, feature: FlavorFeature, what: string): void {
  if (promises(flavor, feature)) return;

  throw new GantryError('FLAVOR_CANNOT', `cannot make the pod: ${flavor.name} cannot ${what}`, {
    hint: OTHER_FLAVOR,
  });
}
