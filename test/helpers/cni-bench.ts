import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import {
  type AttachmentParameters,
  type Cni,
  type CniOptions,
  type JsonObject,
  type NetworkConfig,
  openCni,
  parseContainerId,
  parseInterfaceName,
  parseNetworkConfig,
} from '#cni';
import { createPluginFolder, type PluginFolder } from '../doubles/cni-plugin.ts';

/** A CNI client over scripted plugins, in a folder of its own. */
export interface CniBench extends Disposable {
  readonly dir: string;
  readonly stateDir: string;
  readonly plugins: PluginFolder;
  readonly cni: Cni;
  /** Another client over the same folders. */
  open(options?: Partial<CniOptions>): Cni;
}

/** Sets a bench up; disposing of it takes its folder away. */
export function createCniBench(options: Partial<CniOptions> = {}): CniBench {
  const dir = mkdtempSync(join(tmpdir(), 'cni-'));
  const stateDir = join(dir, 'state');
  mkdirSync(stateDir);
  const plugins = createPluginFolder(join(dir, 'plugins'));
  const open = (own: Partial<CniOptions> = {}): Cni =>
    openCni({
      pluginDirs: [plugins.dir],
      stateDir,
      exec: nodeExec,
      kernel: linuxKernel,
      log: nullLog,
      ...options,
      ...own,
    });

  return {
    dir,
    stateDir,
    plugins,
    cni: open(),
    open,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A network of plugins by their types, in version 1.1.0 unless `extra` says otherwise. */
export function networkOf(
  name: string,
  plugins: readonly (string | JsonObject)[],
  extra: JsonObject = {},
): NetworkConfig {
  const objects = plugins.map((plugin) => (typeof plugin === 'string' ? { type: plugin } : plugin));
  const config = { cniVersion: '1.1.0', name, plugins: objects, ...extra };

  return parseNetworkConfig(JSON.stringify(config), `${name}.conflist`);
}

/** The parameters of an interface of a container, in the network namespace of the test itself. */
export function parametersOf(
  containerId: string,
  ifName = 'eth0',
  extra: Partial<AttachmentParameters> = {},
): AttachmentParameters {
  return {
    containerId: parseContainerId(containerId),
    ifName: parseInterfaceName(ifName),
    netns: '/proc/self/ns/net',
    ...extra,
  };
}

/** A result of ADD, in the form of versions since 1.0.0. */
export function resultWith(address: string): JsonObject {
  return {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', sandbox: '/proc/self/ns/net' }],
    ips: [{ address, interface: 0 }],
  };
}
