import { join } from 'node:path';
import { type RunArguments, stage1RootfsDir } from '#stage1';
import type { Stage1Root } from '../aci/stage1-root.ts';
import { UNIT_DIR } from '../units/write-unit.ts';
import { type MachinePlan, machineName } from './machine.ts';

/** What nspawn's command line is made of. */
export interface NspawnRequest {
  readonly podDir: string;
  readonly stage1: Stage1Root;
  readonly args: RunArguments;
  /** Whether nspawn makes a network for the pod, with nothing in it; else it has that of this process. */
  readonly privateNetwork: boolean;
  readonly machine: MachinePlan;
  readonly hostname: string;
  /** Whether an app has the caller's terminal. */
  readonly terminal: boolean;
  /** Beyond those that nspawn grants by itself. */
  readonly capabilities: readonly string[];
  /** Arguments that mask paths; none when paths are open. */
  readonly masks: readonly string[];
  /** Whether the host has cgroup v2, alone or beside v1: then the pod sees that alone. */
  readonly unified: boolean;
  /** The caller's. */
  readonly env: Readonly<Record<string, string>>;
}

/** What this process becomes. */
export interface NspawnCommand {
  readonly path: string;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The systemd-nspawn of the pod's stage1, started by the stage1's own dynamic
 * loader with the stage1's own libraries: nothing of the host's.
 */
export function nspawnCommand(request: NspawnRequest): NspawnCommand {
  const { podDir, stage1, args } = request;
  const root = stage1RootfsDir(podDir);
  const libraries = stage1.libraryPath.map((path) => join(root, path)).join(':');
  const loader = join(root, stage1.loader);

  return {
    path: loader,
    argv: [
      loader,
      '--library-path',
      libraries,
      join(root, stage1.nspawn),
      ...nspawnArguments(request, root),
      ...(args.debug ? ['--', '--log-level=debug', '--log-target=console'] : []),
    ],
    env: nspawnEnvironment(request),
  };
}

function nspawnArguments(request: NspawnRequest, root: string): readonly string[] {
  const { args, machine, capabilities } = request;

  return [
    '--boot',
    '--notify-ready=yes',
    `--register=${machine.register ? 'yes' : 'no'}`,
    ...(machine.cgroup === 'own' ? ['--keep-unit'] : []),
    `--uuid=${args.uuid}`,
    `--machine=${machineName(args.uuid)}`,
    `--hostname=${request.hostname}`,
    `--directory=${root}`,
    ...(request.privateNetwork ? ['--private-network'] : []),
    ...(args.disableCapabilities ? ['--capability=all'] : []),
    ...(!args.disableCapabilities && capabilities.length > 0
      ? [`--capability=${capabilities.join(',')}`]
      : []),
    ...request.masks,
    // No folder for libmount to watch: PID 1 keeps no units of the pod's mounts, which nobody asks for.
    '--bind=/dev/null:/run/mount:norbind',
    // PID 1 watches this folder until all is started, and waits up to 16 ms in the kernel to have a
    // folder's last watch taken away. It watches /etc too, longer: seen as one folder there is no wait.
    '--bind=+/etc:/run/systemd/ask-password:norbind',
    // All units are in one place; PID 1 looks for each of them and for its drop-ins in a dozen otherwise.
    `--setenv=SYSTEMD_UNIT_PATH=${UNIT_DIR}`,
    `--console=${request.terminal ? 'interactive' : 'read-only'}`,
    // All of these are set up by gantry, or used by nobody, and cost time.
    '--link-journal=no',
    '--resolv-conf=off',
    '--timezone=off',
    ...(args.debug ? [] : ['--quiet']),
  ];
}

/** The last two: sockets that it is to hand on to PID 1, sd_listen_fds(3). */
const PASSED_VARIABLES = [
  'PATH',
  'TERM',
  'NOTIFY_SOCKET',
  'COLORTERM',
  'NO_COLOR',
  'LISTEN_FDS',
  'LISTEN_PID',
];

function nspawnEnvironment({
  args,
  env,
  unified,
}: NspawnRequest): Readonly<Record<string, string>> {
  const passed = PASSED_VARIABLES.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });

  return {
    ...Object.fromEntries(passed),
    // The apps have filters of their own; one for the trusted PID 1 costs half the start.
    SYSTEMD_SECCOMP: '0',
    ...(unified ? { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '1' } : {}),
    ...(args.disablePaths ? { SYSTEMD_NSPAWN_API_VFS_WRITABLE: '1' } : {}),
    ...(args.ipc === 'parent' ? { SYSTEMD_NSPAWN_SHARE_NS_IPC: '1' } : {}),
  };
}
