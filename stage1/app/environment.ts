/** PATH of an app whose image sets none: the standard six (appc spec, OS-SPEC). */
export const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Value of `container`, by which programs tell that they are in one. */
const CONTAINER_NAME = 'gantry';

/** Where the variables of an app come from. */
export interface EnvironmentSources {
  readonly appName: string;
  /** The app's own, in the manifest's order; a later one of the same name counts. */
  readonly environment: readonly { readonly name: string; readonly value: string }[];
  /** The app's user, when its root has an entry for it. */
  readonly account?: Account | undefined;
  /** Set when the pod is registered with the metadata service. */
  readonly metadataUrl?: string | undefined;
}

/** What an entry of passwd(5) says beyond numbers. */
export interface Account {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

const ROOT: Account = { name: 'root', home: '/root', shell: '/bin/sh' };

/**
 * The whole environment of an app: defaults, then what the manifest says, then
 * what the executor alone may say (AC_APP_NAME, AC_METADATA_URL).
 */
export function appEnvironment(sources: EnvironmentSources): Readonly<Record<string, string>> {
  const { appName, environment, account = ROOT, metadataUrl } = sources;

  return {
    PATH: DEFAULT_PATH,
    SHELL: account.shell === '' ? ROOT.shell : account.shell,
    USER: account.name,
    LOGNAME: account.name,
    HOME: account.home === '' ? '/' : account.home,
    container: CONTAINER_NAME,
    ...Object.fromEntries(environment.map(({ name, value }) => [name, value])),
    AC_APP_NAME: appName,
    ...(metadataUrl === undefined ? {} : { AC_METADATA_URL: metadataUrl }),
  };
}

/** Layers of variables that a user adds to an image's, from `--inherit-env` to `--environment`. */
export interface EnvironmentLayers {
  /** The parent's, when it is inherited. */
  readonly parent: Readonly<Record<string, string>>;
  readonly image: readonly { readonly name: string; readonly value: string }[];
  readonly setEnvFile: Readonly<Record<string, string>>;
  readonly setEnv: Readonly<Record<string, string>>;
  /** `--environment`, of this app only. */
  readonly app: Readonly<Record<string, string>>;
}

/** The environment of an app's manifest: parent < image < set-env-file < set-env < environment. */
export function mergeEnvironment(
  layers: EnvironmentLayers,
): readonly { readonly name: string; readonly value: string }[] {
  const merged: Record<string, string> = {
    ...layers.parent,
    ...Object.fromEntries(layers.image.map(({ name, value }) => [name, value])),
    ...layers.setEnvFile,
    ...layers.setEnv,
    ...layers.app,
  };

  return Object.entries(merged).map(([name, value]) => ({ name, value }));
}
