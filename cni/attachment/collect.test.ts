import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printJson } from '../../test/doubles/cni-plugin.ts';
import {
  type CniBench,
  createCniBench,
  networkOf,
  parametersOf,
} from '../../test/helpers/cni-bench.ts';
import type { NetworkConfig } from '../config/network-config.ts';
import type { ValidAttachment } from '../invoke/plugin-call.ts';
import { pluginFailureOf } from '../invoke/plugin-error.ts';

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
  for (const name of ['main', 'chained', 'other']) bench.plugins.install(name);
});
afterEach(() => {
  bench[Symbol.dispose]();
});

const modern = networkOf('modern', ['main', 'chained']);
const old = networkOf('old', ['other'], { cniVersion: '0.4.0' });

async function attach(network: NetworkConfig, ...containers: readonly string[]): Promise<void> {
  for (const container of containers) {
    const parameters = parametersOf(container, `if-${network.name}`);
    await bench.cni.attach({ network, parameters });
  }
  bench.plugins.forgetCalls();
}

const staying =
  (...pairs: readonly (readonly [string, NetworkConfig])[]): (() => readonly ValidAttachment[]) =>
  () =>
    pairs.map(([container, network]) => {
      const { containerId, ifName } = parametersOf(container, `if-${network.name}`);
      return { containerId, ifName };
    });

const left = (): readonly string[] =>
  bench.cni
    .attachments()
    .attachments.map(({ network, parameters }) => `${network.name} ${parameters.containerId}`);

describe('collect()', () => {
  it('detaches what is stale, then tells plugins of 1.1.0 what stays', async () => {
    await attach(modern, 'a', 'b');
    const valid = staying(['b', modern]);
    const report = await bench.cni.collect({ networks: [modern], valid });

    expect(bench.plugins.callNames()).toEqual(['chained DEL', 'main DEL', 'main GC', 'chained GC']);
    expect(bench.plugins.calls().at(-1)?.config['cni.dev/valid-attachments']).toEqual([
      { containerID: 'b', ifname: 'if-modern' },
    ]);
    expect(report).toMatchObject({
      detached: [{ parameters: { containerId: 'a' } }],
      collected: ['modern'],
      failures: [],
      lost: [],
    });
    expect(left()).toEqual(['modern b']);
  });

  it('is a DEL of what is stale for older plugins', async () => {
    await attach(old, 'a', 'b');
    const report = await bench.cni.collect({ networks: [old], valid: staying(['a', old]) });

    expect(bench.plugins.callNames()).toEqual(['other DEL']);
    expect(report.collected).toEqual([]);
    expect(left()).toEqual(['old a']);
  });

  it('detaches what is stale of networks that are configured no longer', async () => {
    await attach(modern, 'a');
    await attach(old, 'a', 'b');
    await bench.cni.collect({ networks: [], valid: staying(['b', old]) });

    expect(bench.plugins.callNames()).toEqual(['chained DEL', 'main DEL', 'other DEL']);
    expect(left()).toEqual(['old b']);
  });

  it('sends no GC where the configuration forbids it, and detaches its own all the same', async () => {
    const shared = networkOf('shared', ['main'], { disableGC: true });
    await attach(shared, 'a');
    await bench.cni.collect({ networks: [shared], valid: staying() });

    expect(bench.plugins.callNames()).toEqual(['main DEL']);
    expect(left()).toEqual([]);
  });

  it('goes on after every failure and reports them', async () => {
    await attach(modern, 'a', 'b');
    await attach(old, 'a');
    bench.plugins.install('chained', { DEL: printJson({ code: 100, msg: 'stuck' }, 1) });
    bench.plugins.install('main', { GC: printJson({ code: 101, msg: 'busy' }, 1) });
    const gone = networkOf('gone', ['missing']);
    const report = await bench.cni.collect({ networks: [gone, modern, old], valid: staying() });
    const messages = report.failures.map((one) => pluginFailureOf(one)?.msg ?? one.message);

    expect(messages).toEqual([
      expect.stringContaining('cannot find the plugin "missing"'),
      'stuck',
      'stuck',
      'busy',
    ]);
    expect(bench.plugins.callNames()).toContain('chained GC');
    expect(left()).toEqual(['modern a', 'modern b']);
  });

  it('names records that cannot be read', async () => {
    const folder = join(bench.stateDir, 'attachments-v1/x');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'eth0.json'), '');
    writeFileSync(join(bench.stateDir, 'attachments-v1/.odd'), '');
    const { lost } = await bench.cni.collect({ networks: [], valid: staying() });

    expect(lost.map(({ path }) => path)).toEqual([join(folder, 'eth0.json')]);
  });

  it('waits for those who attach, and asks then what stays', async () => {
    const ADD = ': >"$here/begun"; until [ -e "$here/go" ]; do sleep 0.02; done; echo "{}"; exit 0';
    bench.plugins.install('main', { ADD });
    const valid: ValidAttachment[] = [];
    const parameters = parametersOf('new', 'if-modern');
    const attaching = bench.cni.attach({ network: modern, parameters });
    await expect.poll(() => bench.plugins.callNames()).toEqual(['main ADD']);
    // Another process, as far as locks can tell.
    const collecting = bench.open().collect({ networks: [modern], valid: () => valid });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(bench.plugins.callNames()).toEqual(['main ADD']);
    valid.push({ containerId: parameters.containerId, ifName: parameters.ifName });
    writeFileSync(join(bench.plugins.dir, 'go'), '');
    await attaching;
    await collecting;

    expect(bench.plugins.callNames()).toEqual(['main ADD', 'chained ADD', 'main GC', 'chained GC']);
    expect(left()).toEqual(['modern new']);
  });

  it('has those who attach wait', async () => {
    const GC = ': >"$here/begun"; until [ -e "$here/go" ]; do sleep 0.02; done';
    bench.plugins.install('main', { GC });
    const collecting = bench.cni.collect({ networks: [modern], valid: staying() });
    await expect.poll(() => bench.plugins.callNames()).toEqual(['main GC']);
    const attaching = bench.open().attach({ network: modern, parameters: parametersOf('c') });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(bench.plugins.callNames()).toEqual(['main GC']);
    const signal = AbortSignal.timeout(10);
    await expect(
      bench.open().attach({ network: modern, parameters: parametersOf('d'), signal }),
    ).rejects.toThrow('cannot wait for the network "modern" any longer');
    writeFileSync(join(bench.plugins.dir, 'go'), '');
    await collecting;
    await attaching;

    expect(bench.plugins.callNames().slice(-2)).toEqual(['main ADD', 'chained ADD']);
    rmSync(join(bench.plugins.dir, 'go'));
  });
});
