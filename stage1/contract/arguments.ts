import { GantryError } from '#base/errors/gantry-error';
import { INTERFACE_VERSION } from './annotations.ts';

/** The host name of a pod that is not given one, where it has one of its own; rkt's. */
export const defaultHostname = (uuid: string): string => `rkt-${uuid}`;

/** What the `run` entrypoint is told on its command line. */
export interface RunArguments {
  readonly uuid: string;
  readonly debug: boolean;
  /** `host`, `none`, or names with arguments, as in `--net`. */
  readonly net: string;
  readonly interactive: boolean;
  readonly localConfig: string;
  /** The vendor's configuration directory, below the local one. */
  readonly systemConfig?: string | undefined;
  /** A third one, above the local one. */
  readonly userConfig?: string | undefined;
  readonly mdsToken?: string | undefined;
  /** `SHIFT:COUNT`. */
  readonly privateUsers?: string | undefined;
  readonly hostname?: string | undefined;
  readonly disableCapabilities: boolean;
  readonly disablePaths: boolean;
  readonly disableSeccomp: boolean;
  readonly dnsConfMode: {
    readonly resolv: 'host' | 'stage0' | 'none' | 'default';
    readonly hosts: 'host' | 'stage0' | 'default';
  };
  readonly mutable: boolean;
  readonly ipc: 'auto' | 'private' | 'parent';
}

/** A command line and what an older stage1 could not be told, for a warning. */
export interface EncodedArguments {
  readonly argv: readonly string[];
  readonly dropped: readonly string[];
}

interface Field {
  /** The first version of the contract that knows it. */
  readonly since: number;
  readonly name: string;
  readonly encode: (args: RunArguments) => readonly string[];
  /** Whether it only says what a stage1 does anyhow. */
  readonly isDefault?: (args: RunArguments) => boolean;
}

const flag = (name: string, on: boolean): readonly string[] => (on ? [`--${name}`] : []);
const value = (name: string, text: string | undefined): readonly string[] =>
  text === undefined ? [] : [`--${name}=${text}`];

/** The `run` arguments by the version that brought them (fact sheet section 3). */
const FIELDS: readonly Field[] = [
  { since: 1, name: 'debug', encode: (args) => flag('debug', args.debug) },
  { since: 1, name: 'net', encode: (args) => value('net', args.net) },
  { since: 1, name: 'mds-token', encode: (args) => value('mds-token', args.mdsToken) },
  { since: 1, name: 'interactive', encode: (args) => flag('interactive', args.interactive) },
  { since: 1, name: 'local-config', encode: (args) => value('local-config', args.localConfig) },
  { since: 1, name: 'private-users', encode: (args) => value('private-users', args.privateUsers) },
  { since: 2, name: 'hostname', encode: (args) => value('hostname', args.hostname) },
  {
    since: 3,
    name: 'disable-capabilities-restriction',
    encode: (args) => flag('disable-capabilities-restriction', args.disableCapabilities),
  },
  { since: 3, name: 'disable-paths', encode: (args) => flag('disable-paths', args.disablePaths) },
  {
    since: 3,
    name: 'disable-seccomp',
    encode: (args) => flag('disable-seccomp', args.disableSeccomp),
  },
  {
    since: 4,
    name: 'dns-conf-mode',
    encode: ({ dnsConfMode }) => [
      `--dns-conf-mode=resolv=${dnsConfMode.resolv},hosts=${dnsConfMode.hosts}`,
    ],
    isDefault: ({ dnsConfMode }) =>
      dnsConfMode.resolv === 'default' && dnsConfMode.hosts === 'default',
  },
  { since: 5, name: 'mutable', encode: (args) => flag('mutable', args.mutable) },
  { since: 6, name: 'ipc', encode: (args) => (args.ipc === 'auto' ? [] : [`--ipc=${args.ipc}`]) },
  {
    since: 7,
    name: 'system-config',
    encode: (args) => value('system-config', args.systemConfig),
    // What an older stage1 reads is the local directory, and nobody expects more of it.
    isDefault: () => true,
  },
  { since: 7, name: 'user-config', encode: (args) => value('user-config', args.userConfig) },
];

/** Encodes the `run` command line for a stage1 that speaks `version`; the UUID comes last. */
export function encodeRunArguments(
  args: RunArguments,
  version: number = INTERFACE_VERSION,
): EncodedArguments {
  const known = FIELDS.filter(({ since }) => since <= version);
  const unknown = FIELDS.filter(
    ({ since, encode, isDefault }) =>
      since > version && encode(args).length > 0 && isDefault?.(args) !== true,
  );

  return {
    argv: [...known.flatMap(({ encode }) => encode(args)), args.uuid],
    dropped: unknown.map(({ name }) => name),
  };
}

/**
 * Reads the command line of `run`, as a stage1 does. Flags of later versions
 * are passed over, for stage 0 may be newer.
 * @param argv without the program's name
 * @throws GantryError STAGE1_BAD_ARGUMENTS
 */
export function parseRunArguments(argv: readonly string[]): RunArguments {
  const uuid = argv.at(-1);
  if (uuid === undefined || uuid.startsWith('-'))
    throw badArguments('the UUID of the pod is missing');

  const flags = new Map<string, string>();
  for (const word of argv.slice(0, -1)) {
    const match = /^--?([a-z0-9-]+)(?:=(.*))?$/s.exec(word);
    if (match?.[1] === undefined) throw badArguments(`"${word}" is no flag`);
    flags.set(match[1], match[2] ?? 'true');
  }
  const isOn = (name: string): boolean => flags.get(name) === 'true';

  return {
    uuid,
    debug: isOn('debug'),
    net: flags.get('net') ?? '',
    interactive: isOn('interactive'),
    localConfig: flags.get('local-config') ?? '',
    systemConfig: flags.get('system-config'),
    userConfig: flags.get('user-config'),
    mdsToken: flags.get('mds-token'),
    privateUsers: flags.get('private-users'),
    hostname: flags.get('hostname'),
    disableCapabilities: isOn('disable-capabilities-restriction'),
    disablePaths: isOn('disable-paths'),
    disableSeccomp: isOn('disable-seccomp'),
    dnsConfMode: parseDnsConfMode(flags.get('dns-conf-mode')),
    mutable: isOn('mutable'),
    ipc: oneOf(flags.get('ipc') ?? 'auto', ['auto', 'private', 'parent']),
  };
}

function parseDnsConfMode(text = ''): RunArguments['dnsConfMode'] {
  const modes = new Map(text.split(',').map((item) => item.split('=', 2) as [string, string]));

  return {
    resolv: oneOf(modes.get('resolv') ?? 'default', ['host', 'stage0', 'none', 'default']),
    hosts: oneOf(modes.get('hosts') ?? 'default', ['host', 'stage0', 'default']),
  };
}

function oneOf<Word extends string>(text: string, words: readonly Word[]): Word {
  const found = words.find((word) => word === text);
  if (found === undefined) throw badArguments(`"${text}" is none of ${words.join(', ')}`);

  return found;
}

/** What `gc` is told. */
export interface GcArguments {
  readonly uuid: string;
  readonly debug: boolean;
  readonly localConfig: string;
  readonly systemConfig?: string | undefined;
  readonly userConfig?: string | undefined;
  /** What cannot be given back is told, and then forgotten. */
  readonly force?: boolean | undefined;
}

/** The first versions of the contract whose `gc` is told the configuration directories, and to forget what is stuck. */
const GC_LOCAL_CONFIG_SINCE = 5;
const GC_CONFIG_SINCE = 7;
const GC_FORCE_SINCE = 8;

/** Encodes the `gc` command line for a stage1 that speaks `version`; the UUID comes last. */
export function encodeGcArguments(
  args: GcArguments,
  version: number = INTERFACE_VERSION,
): readonly string[] {
  return [
    ...flag('debug', args.debug),
    ...(version >= GC_LOCAL_CONFIG_SINCE ? value('local-config', args.localConfig) : []),
    ...(version >= GC_CONFIG_SINCE ? value('system-config', args.systemConfig) : []),
    ...(version >= GC_CONFIG_SINCE ? value('user-config', args.userConfig) : []),
    ...(version >= GC_FORCE_SINCE ? flag('force', args.force === true) : []),
    args.uuid,
  ];
}

/**
 * Reads the command line of `gc`, as a stage1 does; its flags are those of `run`, and one of its own.
 * @param argv without the program's name
 * @throws GantryError STAGE1_BAD_ARGUMENTS
 */
export function parseGcArguments(argv: readonly string[]): GcArguments {
  const { uuid, debug, localConfig, systemConfig, userConfig } = parseRunArguments(argv);

  return { uuid, debug, localConfig, systemConfig, userConfig, force: argv.includes('--force') };
}

/** How a command in an app differs from the app itself; with the feature `enter-options`. */
export interface EnterOptions {
  /** Name, number, or absolute path of a file whose owner is meant; the app's when undefined. */
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  /** Absolute, inside the app. */
  readonly workingDir?: string | undefined;
  /** Added to the app's, `NAME=VALUE`. */
  readonly environment?: readonly string[] | undefined;
}

/** What `enter` is told: the pod's first process, an app, and what to run in it. */
export interface EnterArguments extends EnterOptions {
  readonly pid: number;
  readonly app: string;
  readonly command: readonly [string, ...string[]];
}

export function encodeEnterArguments(args: EnterArguments): readonly string[] {
  return [
    `--pid=${args.pid}`,
    `--appname=${args.app}`,
    ...value('user', args.user),
    ...value('group', args.group),
    ...value('working-dir', args.workingDir),
    ...(args.environment ?? []).map((each) => `--env=${each}`),
    '--',
    ...args.command,
  ];
}

/**
 * Reads the command line of `enter`.
 * @param argv without the program's name
 * @throws GantryError STAGE1_BAD_ARGUMENTS
 */
export function parseEnterArguments(argv: readonly string[]): EnterArguments {
  const end = argv.indexOf('--');
  const [program, ...rest] = end < 0 ? [] : argv.slice(end + 1);
  if (program === undefined) throw badArguments('there is nothing to run');

  const flags = new Map<string, string>();
  const environment: string[] = [];
  for (const word of argv.slice(0, end)) {
    const match = /^--?([a-z-]+)=(.*)$/s.exec(word);
    if (match?.[1] === undefined || match[2] === undefined) continue;
    if (match[1] === 'env') environment.push(match[2]);
    else flags.set(match[1], match[2]);
  }
  const pid = Number(flags.get('pid'));
  const app = flags.get('appname');
  if (!Number.isInteger(pid) || pid < 1 || app === undefined) {
    throw badArguments('--pid and --appname are needed');
  }

  return {
    pid,
    app,
    user: flags.get('user'),
    group: flags.get('group'),
    workingDir: flags.get('working-dir'),
    environment,
    command: [program, ...rest],
  };
}

/** The refusal of a command line that stage 0 did not make. */
export function badArguments(state: string): GantryError {
  return new GantryError('STAGE1_BAD_ARGUMENTS', `cannot read the arguments of stage 1: ${state}`);
}
