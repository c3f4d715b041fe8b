import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { BUILTIN_NETWORK_FILES, STAGE1_NETWORKS_DIR } from '#pod-network';
import {
  BACKOFF_PATH,
  BASE_UNITS,
  backoffScript,
  ENTERED_PATH,
  EXIT_ALIASES,
  enteredScript,
  JOURNALD_CONF,
  NSPAWN_ENTRYPOINTS,
  nspawnManifest,
  HANG_UP_PATH,
  hangUpScript,
  REAPER_PATH,
  reaperScript,
  STAGE1_ROOT_PATH,
  STALLED_SCRIPT_PATH,
  STREAM_SCRIPT_PATH,
  stalledScript,
  streamScript,
  type Stage1Root,
  SYSTEM_CONF,
  TERMINAL_SCRIPT_PATH,
  terminalScript,
  UNIT_DIR,
  writeUnits,
} from '../../stage1-nspawn/index.ts';
import { acArch, packAci, productVersion, type Stage1Request } from './stage1-fly.ts';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };

/** How the reaper learns how an app ended: MONITOR_EXIT_STATUS and its like. */
const OLDEST_SYSTEMD = 251;

/**
 * The programs of the stage1 and where they may lie on the host; inside they
 * lie below /usr at the first place.
 */
const PROGRAMS: readonly (readonly [inside: string, ...onHost: string[]])[] = [
  ['/usr/lib/systemd/systemd', '/lib/systemd/systemd'],
  ['/usr/lib/systemd/systemd-journald', '/lib/systemd/systemd-journald'],
  ['/usr/lib/systemd/systemd-shutdown', '/lib/systemd/systemd-shutdown'],
  ['/usr/bin/systemd-nspawn'],
  ['/usr/bin/systemctl', '/bin/systemctl'],
  ['/usr/bin/nsenter'],
  // What keeps the last of a stream for clients that attach, and what has their terminals.
  ['/usr/bin/split'],
  ['/usr/bin/script'],
  ['/usr/bin/sh', '/bin/sh'],
  // Static: apps whose variables systemd does not pass on run it in their own root.
  ['/usr/bin/busybox', '/bin/busybox'],
];

/** What systemd starts its services with, from 254 on. */
const OPTIONAL_PROGRAMS = ['/usr/lib/systemd/systemd-executor'] as const;

const FOLDERS = [
  'dev',
  'etc/rkt/net.d',
  'etc/systemd',
  'opt/stage2',
  'proc',
  'rkt/caller',
  'rkt/env',
  'rkt/exits',
  'rkt/started',
  'rkt/status',
  'rkt/stdio',
  'run',
  'sys',
  'tmp',
  'usr/bin',
  'usr/lib/gantry',
  'usr/lib/systemd/system',
  'var/log/journal',
] as const;

/** As on every system whose /usr is merged; systemd looks for itself in either place. */
const LINKS: readonly (readonly [name: string, target: string])[] = [
  ['bin', 'usr/bin'],
  ['sbin', 'usr/bin'],
  ['lib', 'usr/lib'],
  ['lib64', 'usr/lib64'],
  ['usr/sbin', 'bin'],
  ['var/run', '../run'],
];

/**
 * Packs `stage1-nspawn.aci`: systemd, journald, nspawn and what else a pod
 * takes, from the host's packages with every library that they load, so that a
 * pod does not depend on what the host updates to.
 * @throws Error when a program is missing or systemd is too old
 */
export async function buildStage1Nspawn({ entrypoints, out }: Stage1Request): Promise<void> {
  const layout = mkdtempSync(join(out, 'layout-'));
  chmodSync(layout, 0o755);
  const root = join(layout, 'rootfs');
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true });
  for (const [name, target] of LINKS) symlinkSync(target, join(root, name));

  const record = await placePrograms(root);
  placeConfiguration(root, record);
  for (const [name, { path }] of Object.entries(NSPAWN_ENTRYPOINTS)) {
    const source = NSPAWN_ENTRYPOINTS[name as keyof typeof NSPAWN_ENTRYPOINTS].source;
    copyFileSync(join(entrypoints, 'stage1-nspawn', `${source}.js`), join(root, path));
  }
  await packAci(layout, nspawnManifest(productVersion(), acArch()), join(out, 'stage1-nspawn.aci'));
}

async function placePrograms(root: string): Promise<Stage1Root> {
  const programs = new Map<string, string>();
  for (const [inside, ...others] of PROGRAMS) {
    programs.set(inside, findOnHost([inside, ...others]));
  }
  for (const path of OPTIONAL_PROGRAMS) if (existsSync(path)) programs.set(path, path);

  const libraries = new Map<string, string>();
  for (const [inside, onHost] of programs) {
    place(root, inside, onHost);
    for (const [path, file] of await sharedLibraries(onHost)) libraries.set(path, file);
  }
  for (const [inside, onHost] of libraries) place(root, inside, onHost);

  const loader = [...libraries.keys()].find((path) => basename(path).startsWith('ld-linux'));
  if (loader === undefined) throw new Error('build: the programs of stage1-nspawn have no loader');
  const folders = [...libraries.keys()].filter((path) => path !== loader).map(dirname);
  return {
    version: 1,
    loader,
    libraryPath: [...new Set(folders)].sort(),
    nspawn: '/usr/bin/systemd-nspawn',
    systemdVersion: await systemdVersion(findOnHost(['/usr/bin/systemd-nspawn'])),
  };
}

function findOnHost(paths: readonly string[]): string {
  const found = paths.find((path) => existsSync(path));
  if (found !== undefined) return realpathSync(found);

  throw new Error(
    `build: stage1-nspawn needs ${paths[0]}; install systemd, systemd-container and busybox-static`,
  );
}

function place(root: string, inside: string, onHost: string): void {
  const target = join(root, inside);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(onHost, target);
  chmodSync(target, 0o755);
}

/** What a program loads, the loader itself included: path inside stage1 to file on the host. */
async function sharedLibraries(program: string): Promise<ReadonlyMap<string, string>> {
  const result = await nodeExec.run({ argv: ['ldd', program], env: ENVIRONMENT });
  // A static program has none, which ldd calls a failure.
  if (`${result.stdout.toString()}${result.stderr}`.includes('not a dynamic executable'))
    return new Map();
  const text = demandSuccess(result, `list the libraries of "${program}"`).stdout.toString();
  const paths = text.split('\n').flatMap((line) => {
    if (line.includes('not found')) throw new Error(`build: "${program}" lacks${line}`);
    return /(?:=> |^\s+)(\/\S+) \(0x/.exec(line)?.[1] ?? [];
  });

  return new Map(paths.map((path) => [belowUsr(path), realpathSync(path)]));
}

function belowUsr(path: string): string {
  return path.startsWith('/usr/') ? path : `/usr${path}`;
}

async function systemdVersion(nspawn: string): Promise<number> {
  const { stdout } = await nodeExec.run({ argv: [nspawn, '--version'], env: ENVIRONMENT });
  const version = Number(/^systemd (\d+)/.exec(stdout.toString())?.[1]);
  if (version >= OLDEST_SYSTEMD) return version;

  throw new Error(`build: stage1-nspawn needs systemd ${OLDEST_SYSTEMD} or newer, not ${version}`);
}

function placeConfiguration(root: string, record: Stage1Root): void {
  writeUnits(root, BASE_UNITS);
  for (const alias of EXIT_ALIASES) symlinkSync('exit.target', join(root, UNIT_DIR, alias));
  writeFileSync(join(root, 'etc/systemd/system.conf'), SYSTEM_CONF);
  writeFileSync(join(root, 'etc/systemd/journald.conf'), JOURNALD_CONF);
  writeFileSync(join(root, 'usr/lib/os-release'), 'ID=gantry\nPRETTY_NAME="gantry pod"\n');
  symlinkSync('../usr/lib/os-release', join(root, 'etc/os-release'));
  writeFileSync(join(root, REAPER_PATH), reaperScript(), { mode: 0o755 });
  writeFileSync(join(root, BACKOFF_PATH), backoffScript(), { mode: 0o755 });
  writeFileSync(join(root, ENTERED_PATH), enteredScript(), { mode: 0o755 });
  writeFileSync(join(root, HANG_UP_PATH), hangUpScript(), { mode: 0o755 });
  writeFileSync(join(root, STREAM_SCRIPT_PATH), streamScript(), { mode: 0o755 });
  writeFileSync(join(root, STALLED_SCRIPT_PATH), stalledScript(), { mode: 0o755 });
  writeFileSync(join(root, TERMINAL_SCRIPT_PATH), terminalScript(), { mode: 0o755 });
  for (const [name, text] of BUILTIN_NETWORK_FILES) {
    writeFileSync(join(root, STAGE1_NETWORKS_DIR, name), text);
  }
  writeFileSync(join(root, STAGE1_ROOT_PATH), `${JSON.stringify(record, undefined, 2)}\n`);
}
