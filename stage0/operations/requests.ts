import type { Volume } from '#schema/pod/pod-manifest';
import type { AcName } from '#schema/types/names';
import type { PodUuid } from '#schema/types/pod-uuid';
import type { StdioStream } from '#stage1';

/** A volume and where an app sees it. */
export interface MountRequest {
  readonly volume: AcName;
  /** Absolute path inside the app. */
  readonly target: string;
}

/** One image of a command line with the flags bound to it. */
export interface AppRequest {
  /** As typed: name, URL, path or hash. */
  readonly image: string;
  /** A signature file for it. */
  readonly signature?: string | undefined;
  /** What follows `--`; appended to what is executed. */
  readonly args: readonly string[];
  /** Replaces the image's `exec`. */
  readonly exec?: string | undefined;
  readonly name?: AcName | undefined;
  readonly workingDir?: string | undefined;
  /** Whether it is started again when it has ended, as `parseRestart` reads it. */
  readonly restart?: string | undefined;
  /** Where its streams lead; the default where nothing is said. */
  readonly stdio: { readonly [Stream in StdioStream]?: string | undefined };
  readonly readOnlyRootfs?: boolean | undefined;
  readonly mounts: readonly MountRequest[];
  /** Name, number, or absolute path of a file whose owner is meant. */
  readonly user?: string | undefined;
  readonly group?: string | undefined;
  readonly supplementaryGids?: readonly number[] | undefined;
  readonly annotations: Readonly<Record<string, string>>;
  readonly userAnnotations: Readonly<Record<string, string>>;
  readonly userLabels: Readonly<Record<string, string>>;
  /** `--environment`. */
  readonly environment: Readonly<Record<string, string>>;
}

export type PullPolicy = 'never' | 'new' | 'update';

/** The words of `--insecure-options`, expanded: `all-run` is three of them. */
export interface InsecureOptions {
  readonly image: boolean;
  readonly tls: boolean;
  readonly http: boolean;
  readonly pubkey: boolean;
  readonly capabilities: boolean;
  readonly paths: boolean;
  readonly seccomp: boolean;
}

/** Where a stage1 image is taken from; `default` is what the configuration or the build says. */
export type Stage1Choice =
  | { readonly kind: 'default' }
  | { readonly kind: 'name' | 'path' | 'url' | 'hash' | 'from-dir'; readonly value: string };

/** A port of the host, or several in a row, that lead to one of the pod. */
export type PortRequest = {
  /** The first of the row. */
  readonly hostPort: number;
  /** Every address of the host when absent. */
  readonly hostIP: string | undefined;
} & (
  | {
      /** One that an image declares. */
      readonly kind: 'declared';
      readonly name: AcName;
    }
  | {
      readonly kind: 'numbered';
      readonly protocol: 'tcp' | 'udp' | 'sctp';
      readonly podPort: number;
      readonly count: number;
    }
);

/** What `prepare` and `run` have in common. */
export interface PrepareRequest {
  /** In the order given; empty when there is a `podManifest`. */
  readonly apps: readonly AppRequest[];
  /** Mounts given before the first image: for every app, unless it has one of its own on the path. */
  readonly mounts: readonly MountRequest[];
  readonly volumes: readonly Volume[];
  readonly ports: readonly PortRequest[];
  /** How the pod is called; no other that is not garbage is. */
  readonly podName?: AcName | undefined;
  /** When the pod ends; rkt's rule when undefined. */
  readonly exitPolicy?: string | undefined;
  /** A file with a whole pod manifest in place of images and their flags. */
  readonly podManifest?: string | undefined;
  readonly noOverlay: boolean;
  readonly inheritEnv: boolean;
  readonly setEnv: Readonly<Record<string, string>>;
  /** Paths, read by the operation. */
  readonly setEnvFiles: readonly string[];
  readonly stage1: Stage1Choice;
  readonly pullPolicy: PullPolicy;
  readonly insecure: InsecureOptions;
  /**
   * Flags that were given and are valid, but whose feature is not built yet
   * (`--memory`, …), as the user would write them. Refused by name.
   */
  readonly unsupported: readonly string[];
}

/** What is said about a pod only when it runs: `run` and `run-prepared`. */
export interface RunOptions {
  /** Items of `--net` (`host`, `none`, `NAME`, `NAME:ARGS`); undefined when the flag is absent. */
  readonly net?: readonly string[] | undefined;
  readonly hostname?: string | undefined;
  readonly dns: DnsRequest;
  /** `host`, entries in their order, or undefined when the flag is absent. */
  readonly hosts?: 'host' | readonly HostsEntry[] | undefined;
  readonly interactive: boolean;
}

export interface HostsEntry {
  readonly ip: string;
  readonly names: readonly string[];
}

/** What the apps' resolv.conf holds; `servers` undefined when no `--dns` was given. */
export interface DnsRequest {
  readonly servers?: 'host' | 'none' | readonly string[] | undefined;
  readonly search: readonly string[];
  readonly options: readonly string[];
  readonly domain?: string | undefined;
}

export interface RunRequest extends PrepareRequest, RunOptions {
  /** Written as soon as the UUID exists, before anything can fail. */
  readonly uuidFileSave?: string | undefined;
}

export interface RunPreparedRequest extends RunOptions {
  readonly uuid: PodUuid;
  readonly insecure: InsecureOptions;
  readonly unsupported: readonly string[];
}
