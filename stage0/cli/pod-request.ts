import type {
  PortRequest,
  PrepareRequest,
  PullPolicy,
  RunOptions,
  Stage1Choice,
} from '../operations/requests.ts';
import { parseExitPolicy } from '#stage1';
import { APP_OPTIONS } from './app-options.ts';
import { readApp, readPolicy } from './app-request.ts';
import { readAssignments, readPodName } from './flag-values.ts';
import { GLOBAL_OPTIONS, type GlobalOptions } from './global-options.ts';
import { type ImageLine, parseImageLine } from './image-line.ts';
import { readNetworks } from './net-flag.ts';
import { type OptionSpecs, type OptionValues, optionValues } from './option.ts';
import type { PREPARE_OPTIONS, RUN_OPTIONS } from './pod-options.ts';
import { usageError } from './usage-error.ts';
import { readMounts, readVolumes } from './volume-flags.ts';

export type PrepareValues = OptionValues<typeof PREPARE_OPTIONS>;
export type RunValues = OptionValues<typeof RUN_OPTIONS>;

/** Takes the command line of `run` or `prepare` apart. @param pod their pod flags */
export function parsePodLine(args: readonly string[], pod: OptionSpecs): ImageLine {
  return parseImageLine(args, {
    pod: { ...pod, ...GLOBAL_OPTIONS },
    app: APP_OPTIONS,
    shared: ['mount'],
    args: true,
  });
}

/**
 * Reads what `run` and `prepare` have in common.
 * @throws GantryError BAD_USAGE
 */
export async function readPrepareRequest(
  line: ImageLine,
  values: PrepareValues,
  globals: GlobalOptions,
): Promise<PrepareRequest> {
  const shared = optionValues(line.shared, { mount: APP_OPTIONS.mount });
  checkManifestAlone(line, values);
  const apps = await Promise.all(line.images.map(readApp));

  return {
    apps: apps.map(({ app }) => app),
    mounts: readMounts(shared.mount),
    volumes: readVolumes(values.volume),
    ports: await readPortFlags(values.port),
    podName: readPodName(values['pod-name']),
    exitPolicy: readPolicy(values['exit-policy'], '--exit-policy', parseExitPolicy),
    podManifest: values['pod-manifest'],
    noOverlay: values['no-overlay'] ?? false,
    inheritEnv: values['inherit-env'] ?? false,
    setEnv: readAssignments(values['set-env'], '--set-env', 'variable'),
    setEnvFiles: values['set-env-file'],
    stage1: readStage1(values),
    pullPolicy: readPullPolicy(values),
    insecure: globals.insecure,
    unsupported: [
      ...new Set([...unsupportedPod(values), ...apps.flatMap((app) => app.unsupported)]),
    ],
  };
}

/** Either images or a pod manifest; the manifest says all that these flags would (fact sheet 1.3). */
function checkManifestAlone(line: ImageLine, values: PrepareValues): void {
  if (values['pod-manifest'] === undefined) {
    if (line.images.length > 0) return;
    throw usageError('no image is given', 'name at least one image, or give --pod-manifest=FILE');
  }

  const conflicts: readonly (readonly [string, boolean])[] = [
    ['an image', line.images.length > 0],
    ['--mount', line.shared.length > 0],
    ['--volume', values.volume.length > 0],
    ['--port', values.port.length > 0],
    ['--exit-policy', values['exit-policy'] !== undefined],
    ['--inherit-env', values['inherit-env'] === true],
    ['--set-env', values['set-env'].length > 0],
    ['--set-env-file', values['set-env-file'].length > 0],
    ['--pull-policy', readPullPolicy(values) !== 'new'],
  ];
  const conflict = conflicts.find(([, given]) => given);
  if (conflict !== undefined) {
    throw usageError(`flag --pod-manifest and ${conflict[0]} exclude each other`);
  }
}

const STAGE1_KINDS = ['name', 'path', 'url', 'hash', 'from-dir'] as const;

function readStage1(values: PrepareValues): Stage1Choice {
  const given = STAGE1_KINDS.flatMap((kind) =>
    values[`stage1-${kind}`].map((value) => ({ kind, value })),
  );
  const [choice, other] = given;
  if (choice === undefined) return { kind: 'default' };
  if (other !== undefined) {
    throw usageError('more than one stage1 is given', 'give one --stage1-… flag, once');
  }
  if (choice.value === '')
    throw usageError(`flag --stage1-${choice.kind} needs a value: it is empty`);

  return choice;
}

const POLICIES: readonly PullPolicy[] = ['never', 'new', 'update'];

/** The flags that decide when images are fetched. */
export interface PullValues {
  readonly 'pull-policy': string | undefined;
  readonly 'store-only': boolean | undefined;
  readonly 'no-store': boolean | undefined;
}

/**
 * Reads the pull policy, its old spellings too.
 * @param fallback what no flag means
 * @throws GantryError BAD_USAGE
 */
export function readPullPolicy(values: PullValues, fallback: PullPolicy = 'new'): PullPolicy {
  const given = [
    ...(values['pull-policy'] === undefined ? [] : [values['pull-policy']]),
    ...(values['store-only'] === true ? ['never'] : []),
    ...(values['no-store'] === true ? ['update'] : []),
  ];
  if (given.length > 1) {
    throw usageError('flags --pull-policy, --store-only and --no-store exclude each other');
  }
  const policy = POLICIES.find((one) => one === (given[0] ?? fallback));
  if (policy !== undefined) return policy;

  throw usageError(
    `cannot read --pull-policy: unknown policy "${given[0]}"`,
    `policies are ${POLICIES.join(', ')}`,
  );
}

function unsupportedPod(values: PrepareValues): readonly string[] {
  return values['private-users'] === true ? ['--private-users'] : [];
}

async function readPortFlags(texts: readonly string[]): Promise<readonly PortRequest[]> {
  if (texts.length === 0) return [];
  const { readPorts } = await import('./port-flag.ts');

  return readPorts(texts);
}

/** What `run` and `run-prepared` have in common, and their valid flags whose features are still to come. */
export interface ReadRun {
  readonly options: RunOptions;
  readonly unsupported: readonly string[];
}

/** Reads what is said about a pod only when it runs. @throws GantryError BAD_USAGE */
export async function readRunOptions(values: RunValues): Promise<ReadRun> {
  const needsAddresses = ADDRESS_FLAGS.some((name) => (values[name]?.length ?? 0) > 0);
  const net = readNetworks(values.net);
  const addresses = needsAddresses ? await readAddresses(values) : NO_ADDRESSES;

  return {
    options: {
      ...addresses,
      net,
      interactive: values.interactive ?? false,
    },
    unsupported: [
      ...readIpc(values.ipc),
      ...(values['mds-register'] === true ? ['--mds-register'] : []),
    ],
  };
}

const ADDRESS_FLAGS = [
  'dns',
  'dns-search',
  'dns-opt',
  'dns-domain',
  'hosts-entry',
  'hostname',
] as const;

type Addresses = Pick<RunOptions, 'hostname' | 'dns' | 'hosts'>;

const NO_ADDRESSES: Addresses = { dns: { search: [], options: [] } };

async function readAddresses(values: RunValues): Promise<Addresses> {
  const { readDns, readHostname, readHosts } = await import('./network-flags.ts');

  return {
    hostname: readHostname(values.hostname),
    dns: readDns(values),
    hosts: readHosts(values['hosts-entry']),
  };
}

function readIpc(mode: string | undefined): readonly string[] {
  if (mode === undefined || mode === '' || mode === 'auto') return [];
  if (mode === 'private' || mode === 'parent') return [`--ipc=${mode}`];

  throw usageError(`cannot read --ipc: unknown mode "${mode}"`, 'modes are auto, private, parent');
}
