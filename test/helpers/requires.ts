import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { nodeExec } from '#base/exec/node-exec';

// What a test may ask the host for, by name, and how it is found out. A word
// that is not listed is a bug in the test and fails to compile.

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const PROBES = {
  root: () => process.geteuid?.() === 0,
  overlay: () => hasFilesystem('overlay'),
  erofs: () => hasFilesystem('erofs') && hasProgram('mkfs.erofs'),
  'mount-namespace': () => succeeds('unshare', '--mount', 'true'),
  netns: () => succeeds('unshare', '--net', 'true'),
  'cni-plugins': () => existsSync('/usr/lib/cni/ptp') && hasProgram('iptables') && hasProgram('ip'),
  'nginx-and-redis': () =>
    existsSync('/usr/lib/nginx/modules/ngx_stream_module.so') && hasProgram('redis-server'),
  nspawn: () => hasProgram('systemd-nspawn'),
  gpg: () => hasProgram('gpg'),
  actool: () => hasProgram('actool'),
  strace: () => hasProgram('strace'),
  faketime: () => hasProgram('faketime'),
  bash: () => hasProgram('bash'),
  zsh: () => hasProgram('zsh'),
  fish: () => hasProgram('fish'),
  busybox: () => existsSync('/bin/busybox'),
  'docker-registry': () => hasProgram('docker-registry'),
  'oci-tools': () => ['skopeo', 'umoci', 'buildah'].every(hasProgram),
  podman: () => hasProgram('podman'),
  'systemd-as-pid-1': () => readFileSync('/proc/1/comm', 'utf8').trim() === 'systemd',
  '8021q': () => knowsLink('link below probe type vlan id 7'),
  vrf: () => knowsLink('probe type vrf table 7'),
  sctp: () => hasProgram('socat') && hasProtocol('SCTP', 'sctp'),
  'cgroup-v1': () => existsSync('/sys/fs/cgroup/memory'),
  'cgroup-v2': () => existsSync('/sys/fs/cgroup/cgroup.controllers'),
} as const satisfies Readonly<Record<string, () => boolean>>;

export type Requirement = keyof typeof PROBES;

/** What CI must have: a test that lacks one of these fails there rather than being skipped. */
const CI_MUST_HAVE: ReadonlySet<Requirement> = new Set<Requirement>([
  'root',
  'overlay',
  'erofs',
  'mount-namespace',
  'netns',
  'cni-plugins',
  'nginx-and-redis',
  'nspawn',
  'gpg',
  'actool',
  'docker-registry',
  'oci-tools',
  'podman',
  'strace',
  'faketime',
  'busybox',
  'bash',
  'zsh',
  'fish',
]);

const answers = new Map<Requirement, boolean>();

/**
 * Whether the host has everything a test needs; the argument of `describe.runIf` or `it.runIf`.
 * What is missing is named on stderr.
 * @throws Error on CI when something is missing that CI must have
 */
export function requires(...words: readonly Requirement[]): boolean {
  const missing = words.filter((word) => !has(word));
  if (missing.length === 0) return true;

  const unforgivable = missing.filter((word) => CI_MUST_HAVE.has(word));
  if (process.env['CI'] !== undefined && unforgivable.length > 0) {
    throw new Error(`this host lacks what CI must have: ${unforgivable.join(', ')}`);
  }
  process.stderr.write(`skipping tests that require ${missing.join(', ')}\n`);

  return false;
}

function has(word: Requirement): boolean {
  const known = answers.get(word);
  if (known !== undefined) return known;

  const answer = PROBES[word]();
  answers.set(word, answer);
  return answer;
}

function hasFilesystem(name: string): boolean {
  const listed = (): boolean =>
    new RegExp(`\\b${name}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));

  return listed() || (succeeds('modprobe', name) && listed());
}

/** Whether the kernel can make a link, upon an ethernet named "below"; tried in a network namespace that goes at once. */
function knowsLink(link: string): boolean {
  const script = `ip link add below type veth && ip link add ${link}`;

  return succeeds('unshare', '--net', 'sh', '-c', script);
}

function hasProtocol(name: string, module: string): boolean {
  const listed = (): boolean =>
    new RegExp(`^${name} `, 'm').test(readFileSync('/proc/net/protocols', 'utf8'));

  return listed() || (succeeds('modprobe', module) && listed());
}

function hasProgram(name: string): boolean {
  return PATH.split(':').some((folder) => {
    try {
      accessSync(`${folder}/${name}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function succeeds(program: string, ...args: readonly string[]): boolean {
  try {
    return (
      nodeExec.runSync({ argv: [program, ...args], env: { PATH }, timeoutMs: 10_000 }).exitCode ===
      0
    );
  } catch {
    return false;
  }
}
