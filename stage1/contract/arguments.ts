import { INTERFACE_VERSION } from './annotations.ts';

/** What the `run` entrypoint is told on its command line. */
export interface RunArguments {
  readonly uuid: string;
  readonly debug: boolean;
  /** `host`, `none`, or names with arguments, as in `--net`. */
  readonly net: string;
  readonly interactive: boolean;
  readonly localConfig: string;
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
  },
  { since: 5, name: 'mutable', encode: (args) => flag('mutable', args.mutable) },
  { since: 6, name: 'ipc', encode: (args) => (args.ipc === 'auto' ? [] : [`--ipc=${args.ipc}`]) },
];

/** Encodes the `run` command line for a stage1 that speaks `version`; the UUID comes last. */
export function encodeRunArguments(
  args: RunArguments,
  version: number = INTERFACE_VERSION,
): EncodedArguments {
  const known = FIELDS.filter(({ since }) => since <= version);
  const unknown = FIELDS.filter(({ since, encode }) => since > version && encode(args).length > 0);

  return {
    argv: [...known.flatMap(({ encode }) => encode(args)), args.uuid],
    dropped: unknown.map(({ name }) => name),
  };
}
