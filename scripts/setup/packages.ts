import { nodeExec } from '#base/exec/node-exec';

/** Debian packages that building and running gantry takes. */
const RUN_PACKAGES: readonly string[] = [
  'systemd',
  'systemd-container',
  'busybox-static',
  'erofs-utils',
  'openssl',
  'gnupg',
  'bzip2',
  'xz-utils',
  'util-linux',
  'findutils',
  'iproute2',
  'curl',
  'ca-certificates',
];

/** What the tests take beyond that. */
const TEST_PACKAGES: readonly string[] = [
  'appc-spec',
  'strace',
  'faketime',
  'zstd',
  'attr',
  'libcap2-bin',
  'netbase',
  'iptables',
  'socat',
  'containernetworking-plugins',
  'zsh',
  'fish',
  'nginx',
  'libnginx-mod-stream',
  'redis-server',
  'docker-registry',
  'skopeo',
  'umoci',
  'buildah',
  'podman',
  'crun',
  'catatonit',
];

/** The peers that the measurements compare with. */
const BENCH_PACKAGES: readonly string[] = [
  'podman',
  'crun',
  'runc',
  'catatonit',
  'iptables',
  'containernetworking-plugins',
  'time',
  'docker-registry',
  'skopeo',
  'umoci',
];

export type Purpose = 'run' | 'test' | 'bench';

const BY_PURPOSE: Readonly<Record<Purpose, readonly string[]>> = {
  run: RUN_PACKAGES,
  test: [...RUN_PACKAGES, ...TEST_PACKAGES],
  bench: [...RUN_PACKAGES, ...BENCH_PACKAGES],
};

const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  DEBIAN_FRONTEND: 'noninteractive',
  HOME: '/root',
};

/**
 * Installs the Debian packages that are missing, says which, and asks for nothing.
 * @throws GantryError EXEC_NOT_STARTED where there is no dpkg; Error when the packages cannot be had
 */
export async function ensurePackages(purpose: Purpose): Promise<void> {
  const missing = await missingPackages(BY_PURPOSE[purpose]);
  if (missing.length === 0) return;

  process.stderr.write(`setup: installing ${missing.join(' ')}\n`);
  const install = [
    'apt-get',
    'install',
    '-y',
    '-q',
    '--no-install-recommends',
    ...missing,
  ] as const;
  if ((await aptGet(install)) === 0) return;

  // The machine's package lists may be missing or old.
  await aptGet(['apt-get', 'update', '-q']);
  const code = await aptGet(install);
  if (code !== 0)
    throw new Error(`setup: cannot install ${missing.join(' ')}: apt-get exited with ${code}`);
}

async function missingPackages(wanted: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await nodeExec.run({
    argv: ['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\n', ...wanted],
    env: ENVIRONMENT,
  });
  const installed = new Set(
    stdout
      .toString()
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );

  return wanted.filter((name) => !installed.has(name));
}

/** What apt-get says goes to stderr only when it fails. */
async function aptGet(argv: readonly [string, ...string[]]): Promise<number | undefined> {
  const result = await nodeExec.run({ argv, env: ENVIRONMENT, timeoutMs: 900_000 });
  if (result.exitCode !== 0)
    process.stderr.write(`${result.stdout.toString().slice(-2000)}${result.stderr}`);

  return result.exitCode;
}
