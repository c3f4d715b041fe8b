import { join } from 'node:path';
import type { Exec } from '#base/exec/exec';
import type { Kernel } from '#base/kernel/kernel';
import type { Log } from '#base/log/log';
import { type AttachRequest, attach } from './attachment/attach.ts';
import { attachAll } from './attachment/attach-all.ts';
import type { Attachment } from './attachment/attachment.ts';
import {
  type AttachmentKey,
  type AttachmentList,
  openAttachmentStore,
} from './attachment/attachment-store.ts';
import { type CheckOutcome, check, status } from './attachment/check.ts';
import { type CollectReport, type CollectRequest, collect } from './attachment/collect.ts';
import type { CniContext } from './attachment/context.ts';
import {
  type DetachFallback,
  type DetachOutcome,
  detach,
  detachContainer,
} from './attachment/detach.ts';
import type { ContainerId } from './config/names.ts';
import type { NetworkConfig } from './config/network-config.ts';
import { negotiate } from './invoke/negotiate.ts';
import type { CniCommand, NegotiatedNetwork } from './invoke/plugin-call.ts';
import { openPluginVersions } from './invoke/plugin-versions.ts';
import type { PluginRunner } from './invoke/run-plugin.ts';
import type { CniVersion } from './version/cni-version.ts';

export interface CniOptions {
  /** Folders of plugins, absolute, searched in order; handed to plugins as `CNI_PATH`. */
  readonly pluginDirs: readonly string[];
  /**
   * Where attachments and plugins' versions are kept, made when missing. It has
   * to survive a reboot: plugins keep addresses across one, and only DEL frees them.
   */
  readonly stateDir: string;
  readonly exec: Exec;
  readonly kernel: Kernel;
  readonly log: Log;
  /** The plugins' environment besides `CNI_…`; a PATH with the system's folders unless told. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Milliseconds per call; those of `DEFAULT_TIME_LIMITS_MS` unless told. */
  readonly timeLimitsMs?: Partial<Readonly<Record<CniCommand, number>>> | undefined;
  /** The most that a plugin may print, bytes; 1 MiB unless told. */
  readonly maxOutput?: number | undefined;
  /** Milliseconds since 1970; the clock unless told. */
  readonly now?: (() => number) | undefined;
}

/** A minute for what may have to wait for a lock or a DHCP server, less for what only asks. */
export const DEFAULT_TIME_LIMITS_MS: Readonly<Record<CniCommand, number>> = {
  ADD: 60_000,
  DEL: 60_000,
  CHECK: 60_000,
  GC: 60_000,
  STATUS: 10_000,
  VERSION: 10_000,
};

const DEFAULT_MAX_OUTPUT = 1024 * 1024;

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The format of the attachments' folder; each record names its own too. */
const ATTACHMENTS_DIR = 'attachments-v1';

/**
 * A CNI client: spec 1.1 and all before it. What each operation does and
 * throws is written at the function of its name.
 */
export interface Cni {
  /** One network: ADD. */
  attach(request: AttachRequest): Promise<Attachment>;
  /** Several networks, the stages in order, those of one stage at the same time. */
  attachAll(stages: readonly (readonly AttachRequest[])[]): Promise<readonly Attachment[]>;
  /** One attachment: DEL. */
  detach(key: AttachmentKey, fallback?: DetachFallback): Promise<DetachOutcome>;
  /** All attachments of a container: DEL, in reverse order. */
  detachContainer(containerId: ContainerId): Promise<readonly Attachment[]>;
  /** One attachment: CHECK. */
  check(key: AttachmentKey): Promise<CheckOutcome>;
  /** One network: STATUS. */
  status(network: NetworkConfig): Promise<Exclude<CheckOutcome, 'disabled'>>;
  /** What nobody uses any more: DEL, and GC. */
  collect(request: CollectRequest): Promise<CollectReport>;
  /** The version in which a network's plugins are called. */
  negotiate(network: NetworkConfig): Promise<NegotiatedNetwork>;
  /** The versions that a plugin supports: VERSION. */
  versionsOf(pluginType: string): Promise<readonly CniVersion[]>;
  /** The attachments on record, of one container if given, oldest first. */
  attachments(containerId?: ContainerId): AttachmentList;
  /** Drops the records of a container's attachments without DEL: for what its plugins can never detach. */
  forget(containerId: ContainerId): void;
}

/** Opens a CNI client; nothing is read or made yet. */
export function openCni(options: CniOptions): Cni {
  const context = contextOf(options);
  const { versions, store } = context;

  return {
    attach: (request) => attach(context, request),
    attachAll: (stages) => attachAll(context, stages),
    detach: (key, fallback) => detach(context, key, fallback),
    detachContainer: (containerId) => detachContainer(context, containerId),
    check: (key) => check(context, key),
    status: (network) => status(context, network),
    collect: (request) => collect(context, request),
    negotiate: (network) => negotiate(versions, network),
    versionsOf: (pluginType) => versions.of(pluginType),
    attachments: (containerId) => store.list(containerId),
    forget: (containerId) => store.removeAll(containerId),
  };
}

function contextOf(options: CniOptions): CniContext {
  const { stateDir, kernel } = options;
  const runner: PluginRunner = {
    exec: options.exec,
    log: options.log,
    pluginDirs: options.pluginDirs,
    env: options.env ?? { PATH: DEFAULT_PATH },
    timeLimitsMs: { ...DEFAULT_TIME_LIMITS_MS, ...options.timeLimitsMs },
    maxOutput: options.maxOutput ?? DEFAULT_MAX_OUTPUT,
  };

  return {
    runner,
    kernel,
    versions: openPluginVersions(runner, join(stateDir, 'plugin-versions-v1')),
    store: openAttachmentStore(join(stateDir, ATTACHMENTS_DIR)),
    locksDir: join(stateDir, 'locks'),
    now: options.now ?? Date.now,
  };
}
