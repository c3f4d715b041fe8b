import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printJson } from '../../test/doubles/cni-plugin.ts';
import {
  type CniBench,
  createCniBench,
  networkOf,
  parametersOf,
  resultWith,
} from '../../test/helpers/cni-bench.ts';
import { furtherFailuresOf } from '../invoke/further-failures.ts';
import { CNI_CODE, pluginFailureOf } from '../invoke/plugin-error.ts';
import type { CniVersion } from '../version/cni-version.ts';

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
  bench.plugins.install('main', { ADD: printJson(resultWith('10.0.0.2/24')) });
  bench.plugins.install('chained');
});
afterEach(() => {
  bench[Symbol.dispose]();
});

const failing = (msg: string, code = 100): string => printJson({ code, msg }, 1);

async function attach(cniVersion: CniVersion = '1.1.0', netns?: string): Promise<void> {
  const extra = {
    args: [['K', 'V']] as const,
    capabilityArgs: { ips: ['10.0.0.2/24'] },
    ...(netns === undefined ? {} : { netns }),
  };
  const main = { type: 'main', capabilities: { ips: true } };
  const network = networkOf('n', [main, 'chained'], { cniVersion });
  await bench.cni.attach({ network, parameters: parametersOf('c', 'eth0', extra) });
  bench.plugins.forgetCalls();
}

describe('detach()', () => {
  it('gives every plugin, in reverse order, what ADD had and gave', async () => {
    await attach();
    expect(await bench.open().detach(parametersOf('c'))).toBe('detached');

    expect(bench.plugins.callNames()).toEqual(['chained DEL', 'main DEL']);
    for (const { env, config } of bench.plugins.calls()) {
      expect(env).toMatchObject({ CNI_ARGS: 'K=V', CNI_NETNS: '/proc/self/ns/net' });
      expect(config['prevResult']).toEqual(resultWith('10.0.0.2/24'));
    }
    expect(bench.plugins.calls()[1]?.config['runtimeConfig']).toEqual({ ips: ['10.0.0.2/24'] });
    expect(bench.cni.attachments().attachments).toEqual([]);
  });

  it('keeps the result from plugins of versions that do not know of it', async () => {
    bench.plugins.install('main', { ADD: printJson({ cniVersion: '0.3.1' }) });
    await attach('0.3.1');
    await bench.cni.detach(parametersOf('c'));

    expect(bench.plugins.calls().map(({ config }) => 'prevResult' in config)).toEqual([
      false,
      false,
    ]);
  });

  it.each([
    ['is gone', false],
    ['is only a file', true],
  ])('names no namespace to plugins when it %s', async (_state, isFile) => {
    const netns = join(bench.dir, 'netns');
    if (isFile) writeFileSync(netns, '');
    await attach('1.1.0', netns);
    await bench.cni.detach(parametersOf('c'));

    expect(bench.plugins.calls().map(({ env }) => env['CNI_NETNS'])).toEqual(['', '']);
  });

  it('goes on after a failure, tells all of them, and can be tried again', async () => {
    bench.plugins.install('main', { DEL: failing('two') });
    bench.plugins.install('chained', { DEL: failing('one') });
    await attach();
    const error: unknown = await bench.cni
      .detach(parametersOf('c'))
      .catch((thrown: unknown) => thrown);

    expect(pluginFailureOf(error)?.msg).toBe('one');
    expect(furtherFailuresOf(error).map((one) => pluginFailureOf(one)?.msg)).toEqual(['two']);
    expect(bench.cni.attachments().attachments).toMatchObject([{ state: 'attached' }]);

    for (const name of ['main', 'chained']) bench.plugins.install(name, { DEL: 'exit 0' });
    expect(await bench.cni.detach(parametersOf('c'))).toBe('detached');
  });

  it('has the IPAM plugin free the address when the first plugin fails and the namespace is gone', async () => {
    bench.plugins.install('first', { DEL: failing('no master') });
    bench.plugins.install('addresses');
    const netns = join(bench.dir, 'netns');
    const network = networkOf('n', [{ type: 'first', ipam: { type: 'addresses' } }, 'chained']);
    await bench.cni.attach({ network, parameters: parametersOf('c', 'eth0', { netns }) });
    bench.plugins.forgetCalls();

    expect(await bench.cni.detach(parametersOf('c'))).toBe('detached');
    expect(bench.plugins.callNames()).toEqual(['chained DEL', 'first DEL', 'addresses DEL']);
    expect(bench.plugins.calls()[2]).toMatchObject({
      config: { type: 'first', name: 'n' },
      env: { CNI_CONTAINERID: 'c', CNI_NETNS: '' },
    });
    expect(bench.cni.attachments().attachments).toEqual([]);
  });

  it('keeps the record when that fails too', async () => {
    bench.plugins.install('first', { DEL: failing('no master') });
    bench.plugins.install('addresses', { DEL: failing('no daemon') });
    const netns = join(bench.dir, 'netns');
    const network = networkOf('n', [{ type: 'first', ipam: { type: 'addresses' } }]);
    await bench.cni.attach({ network, parameters: parametersOf('c', 'eth0', { netns }) });

    await expect(bench.cni.detach(parametersOf('c'))).rejects.toThrow(/no master.*no daemon/);
    expect(bench.cni.attachments().attachments).toHaveLength(1);
  });

  it('takes a container that a plugin does not know for detached', async () => {
    const DEL = failing('who?', CNI_CODE.unknownContainer);
    for (const name of ['main', 'chained']) bench.plugins.install(name, { DEL });
    await attach();

    expect(await bench.cni.detach(parametersOf('c'))).toBe('detached');
  });

  it('needs nothing on standard output, and takes no offence at noise', async () => {
    bench.plugins.install('chained', { DEL: 'echo good bye' });
    await attach();

    expect(await bench.cni.detach(parametersOf('c'))).toBe('detached');
  });

  it('names a plugin that is gone, cleans up with the others, and can forget', async () => {
    await attach();
    rmSync(join(bench.plugins.dir, 'chained'));

    await expect(bench.cni.detach(parametersOf('c'))).rejects.toThrow(
      'cannot find the plugin "chained"',
    );
    expect(bench.plugins.callNames()).toEqual(['main DEL']);
    bench.cni.forget(parametersOf('c').containerId);
    expect(await bench.cni.detach(parametersOf('c'))).toBe('absent');
  });

  it('is done when there is nothing to go by', async () => {
    expect(await bench.cni.detach(parametersOf('never'))).toBe('absent');
    expect(bench.plugins.callNames()).toEqual([]);
  });

  it('goes by what the caller knows when there is no record', async () => {
    const fallback = { network: networkOf('n', ['main']), parameters: parametersOf('c') };

    expect(await bench.cni.detach(parametersOf('c'), fallback)).toBe('detached');
    expect(bench.plugins.callNames()).toEqual(['main DEL']);
  });

  it('goes by what the caller knows when the record is damaged', async () => {
    await attach();
    const record = join(bench.stateDir, 'attachments-v1/c/eth0.json');
    writeFileSync(record, '{"format":1');
    const fallback = { network: networkOf('n', ['main']), parameters: parametersOf('c') };

    await expect(bench.cni.detach(parametersOf('c'))).rejects.toThrow('not JSON');
    expect(await bench.cni.detach(parametersOf('c'), fallback)).toBe('detached');
    expect(bench.cni.attachments()).toEqual({ attachments: [], lost: [] });
  });

  it('refuses a record of a newer format, whatever the caller knows', async () => {
    const folder = join(bench.stateDir, 'attachments-v1/c');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'eth0.json'), '{"format":2}');
    const fallback = { network: networkOf('n', ['main']), parameters: parametersOf('c') };

    await expect(bench.cni.detach(parametersOf('c'), fallback)).rejects.toThrow(
      'its format is 2, newer than 1',
    );
  });
});

describe('detachContainer()', () => {
  it('detaches everything of one container, the newest first', async () => {
    let time = 0;
    const cni = bench.open({ now: () => (time += 1) });
    for (const [container, ifName, network] of [
      ['c', 'eth9', 'x'],
      ['d', 'eth0', 'x'],
      ['c', 'eth0', 'y'],
    ] as const) {
      const parameters = parametersOf(container, ifName);
      await cni.attach({ network: networkOf(network, ['main']), parameters });
    }
    bench.plugins.forgetCalls();
    const detached = await cni.detachContainer(parametersOf('c').containerId);

    expect(detached.map(({ network }) => network.name)).toEqual(['y', 'x']);
    expect(bench.plugins.calls().map(({ env }) => env['CNI_IFNAME'])).toEqual(['eth0', 'eth9']);
    expect(cni.attachments().attachments).toMatchObject([{ parameters: { containerId: 'd' } }]);
  });

  it('goes on after a failure and a record that is lost', async () => {
    await attach();
    writeFileSync(join(bench.stateDir, 'attachments-v1/c/eth1.json'), 'x');
    bench.plugins.install('chained', { DEL: failing('stuck') });
    const error: unknown = await bench.cni
      .detachContainer(parametersOf('c').containerId)
      .catch((thrown: unknown) => thrown);

    expect(error).toHaveProperty('code', 'CNI_ATTACHMENT_UNREADABLE');
    expect(furtherFailuresOf(error).map((one) => pluginFailureOf(one)?.msg)).toEqual(['stuck']);
    expect(bench.plugins.callNames()).toEqual(['chained DEL', 'main DEL']);
  });
});
