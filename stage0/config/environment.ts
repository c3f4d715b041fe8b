import type { CertificateFile } from '#image-store';
import { type CallerEnvironment, PROGRAM_VARIABLE, readCaller } from './caller.ts';

/** What the environment tells gantry itself, and what it passes on to others. */
export interface Environment extends CallerEnvironment {
  /** PEM files of further certificate authorities. */
  readonly certificateFiles: readonly CertificateFile[];
  readonly proxies: Proxies;
  /** Where docker and podman keep who one is for registries, those that podman asks first before the others. */
  readonly loginFiles: readonly string[];
  /** What else belongs to the built program and is open; undefined when it runs from a checkout. */
  readonly programFiles: ProgramFiles | undefined;
}

/** Descriptors of this process. */
export interface ProgramFiles {
  /** The program that extracts. */
  readonly worker: number;
  /** koffi's native half. */
  readonly addon: number;
}

/** Proxies as curl and Go's net/http take them; the lower-case names win. */
export interface Proxies {
  readonly http: string | undefined;
  readonly https: string | undefined;
  /** Hosts that are reached directly, a comma list. */
  readonly none: string | undefined;
}

/** Reads the environment, once. @param raw the process's variables */
export function readEnvironment(raw: Readonly<Record<string, string | undefined>>): Environment {
  const { env, caller } = readCaller(raw);

  return {
    env,
    caller,
    certificateFiles: ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE']
      .map((namedBy) => ({ path: env[namedBy] ?? '', namedBy }))
      .filter(({ path }) => path !== ''),
    proxies: {
      // HTTP_PROXY in capitals can be set by a web client of a CGI program.
      http: first(
        env,
        env['REQUEST_METHOD'] === undefined ? ['http_proxy', 'HTTP_PROXY'] : ['http_proxy'],
      ),
      https: first(env, ['https_proxy', 'HTTPS_PROXY']),
      none: first(env, ['no_proxy', 'NO_PROXY']),
    },
    loginFiles: loginFilesIn(env),
    programFiles: programFilesIn(raw[PROGRAM_VARIABLE] ?? ''),
  };
}

/** containers-auth.json(5): the file that is named, and no other; else docker's own is the last. */
function loginFilesIn(env: Readonly<Record<string, string>>): readonly string[] {
  const named = first(env, ['REGISTRY_AUTH_FILE']);
  if (named !== undefined) return [named];
  const under = (name: string, path: string): string | undefined => {
    const dir = first(env, [name]);
    return dir === undefined ? undefined : `${dir}/${path}`;
  };

  return [
    under('XDG_RUNTIME_DIR', 'containers/auth.json'),
    under('XDG_CONFIG_HOME', 'containers/auth.json') ??
      under('HOME', '.config/containers/auth.json'),
    under('DOCKER_CONFIG', 'config.json') ?? under('HOME', '.docker/config.json'),
  ].filter((path) => path !== undefined);
}

function programFilesIn(text: string): ProgramFiles | undefined {
  const [, worker, addon] = /^(\d+) (\d+)$/.exec(text) ?? [];

  return worker === undefined ? undefined : { worker: Number(worker), addon: Number(addon) };
}

function first(
  env: Readonly<Record<string, string>>,
  names: readonly string[],
): string | undefined {
  return names.map((name) => env[name]).find((value) => value !== undefined && value !== '');
}
