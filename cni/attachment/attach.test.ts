import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { printJson } from '../../test/doubles/cni-plugin.ts';
import {
  type CniBench,
  createCniBench,
  networkOf,
  parametersOf,
  resultWith,
} from '../../test/helpers/cni-bench.ts';
import { furtherFailuresOf } from '../invoke/further-failures.ts';
import { pluginFailureOf } from '../invoke/plugin-error.ts';

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
});
afterEach(() => {
  bench[Symbol.dispose]();
});

const failing = (msg: string): string => printJson({ code: 100, msg }, 1);

describe('attach()', () => {
  it('runs the chain in order, each plugin with the result of the one before', async () => {
    const first = { ...resultWith('10.0.0.2/24'), mine: { kept: true } };
    bench.plugins.install('main', { ADD: printJson(first) });
    bench.plugins.install('chained');
    bench.plugins.install('last', { ADD: printJson(resultWith('10.0.0.3/24')) });
    const network = networkOf('n', ['main', 'chained', 'last']);
    const attachment = await bench.cni.attach({ network, parameters: parametersOf('c') });

    const previous = bench.plugins.calls().map(({ config }) => config['prevResult']);
    expect(bench.plugins.callNames()).toEqual(['main ADD', 'chained ADD', 'last ADD']);
    expect(previous).toEqual([undefined, first, first]);
    expect(attachment).toMatchObject({
      state: 'attached',
      version: '1.1.0',
      result: { ips: [{ address: '10.0.0.3/24' }] },
    });
    expect(bench.cni.attachments()).toEqual({ attachments: [attachment], lost: [] });
  });

  it('speaks the negotiated version to all', async () => {
    for (const name of ['main', 'chained']) bench.plugins.install(name);
    const network = networkOf('n', ['main', 'chained'], { cniVersion: '0.3.1' });
    const { version } = await bench.cni.attach({ network, parameters: parametersOf('c') });

    expect(version).toBe('0.3.1');
    expect(bench.plugins.calls().map(({ config }) => config['cniVersion'])).toEqual([
      '0.3.1',
      '0.3.1',
    ]);
  });

  it('converts a result of another version than was asked for', async () => {
    const old = { cniVersion: '0.2.0', ip4: { ip: '10.0.0.2/24' } };
    bench.plugins.install('old', { ADD: printJson(old) });
    bench.plugins.install('chained');
    const network = networkOf('n', ['old', 'chained'], { cniVersion: '0.4.0' });
    await bench.cni.attach({ network, parameters: parametersOf('c') });

    expect(bench.plugins.calls()[1]?.config['prevResult']).toMatchObject({
      cniVersion: '0.4.0',
      ips: [{ version: '4', address: '10.0.0.2/24' }],
    });
  });

  it('takes a result without a version for one of the version that was asked for', async () => {
    bench.plugins.install('main', { ADD: printJson({ ip4: { ip: '10.0.0.2/24' } }) });
    const network = networkOf('n', ['main'], { cniVersion: '0.2.0' });
    const { result } = await bench.cni.attach({ network, parameters: parametersOf('c') });

    expect(result?.ips).toEqual([{ address: '10.0.0.2/24' }]);
  });

  it('detaches in reverse order, from the plugin that failed on, and leaves no record', async () => {
    bench.plugins.install('one', { ADD: printJson(resultWith('10.0.0.2/24')) });
    bench.plugins.install('two', { ADD: failing('no') });
    bench.plugins.install('three');
    const request = {
      network: networkOf('n', ['one', 'two', 'three']),
      parameters: parametersOf('c'),
    };

    await expect(bench.cni.attach(request)).rejects.toThrow(/plugin "two".*: no$/);
    expect(bench.plugins.callNames()).toEqual(['one ADD', 'two ADD', 'two DEL', 'one DEL']);
    expect(bench.plugins.calls().at(-1)?.config['prevResult']).toEqual(resultWith('10.0.0.2/24'));
    expect(bench.cni.attachments().attachments).toEqual([]);
  });

  it('keeps the first failure, what could not be undone, and a record for another try', async () => {
    bench.plugins.install('one', { DEL: failing('stuck one') });
    bench.plugins.install('two', { ADD: failing('no'), DEL: failing('stuck two') });
    const request = { network: networkOf('n', ['one', 'two']), parameters: parametersOf('c') };
    const error: unknown = await bench.cni.attach(request).catch((thrown: unknown) => thrown);

    expect(pluginFailureOf(error)).toMatchObject({ plugin: 'two', command: 'ADD', msg: 'no' });
    expect(furtherFailuresOf(error).map((one) => pluginFailureOf(one)?.msg)).toEqual([
      'stuck two',
      'stuck one',
    ]);
    expect(error).toHaveProperty('message', expect.stringMatching(/: no; afterwards: .*stuck two/));
    expect(bench.cni.attachments().attachments).toMatchObject([{ state: 'attaching' }]);

    bench.plugins.install('one', { DEL: 'exit 0' });
    bench.plugins.install('two', { DEL: 'exit 0' });
    expect(await bench.cni.detach(parametersOf('c'))).toBe('detached');
    expect(bench.cni.attachments().attachments).toEqual([]);
  });

  it('undoes what a plugin refuses for its arguments without them', async () => {
    const refuse = `[ -z "$CNI_ARGS" ] || { ${failing('no such address')}; }`;
    bench.plugins.install('main', { ADD: failing('no such address'), DEL: refuse });
    const parameters = parametersOf('c', 'eth0', { args: [['IP', '10.0.0.300']] });
    const attaching = bench.cni.attach({ network: networkOf('n', ['main']), parameters });
    const error = await attaching.catch((thrown: unknown) => thrown);

    expect(pluginFailureOf(error)?.msg).toBe('no such address');
    expect(furtherFailuresOf(error)).toEqual([]);
    expect(bench.cni.attachments().attachments).toEqual([]);
  });

  it('leaves a trace before the first plugin is run', async () => {
    const record = join(bench.stateDir, 'attachments-v1/c/eth0.json');
    const seen = join(bench.dir, 'seen');
    bench.plugins.install('main', { ADD: `cp '${record}' '${seen}'` });
    await bench.cni.attach({ network: networkOf('n', ['main']), parameters: parametersOf('c') });
    copyFileSync(seen, record);

    expect(bench.cni.attachments().attachments).toMatchObject([
      { state: 'attaching', result: undefined, network: { name: 'n' } },
    ]);
  });

  it('undoes everything when the result cannot be kept', async () => {
    const folder = join(bench.stateDir, 'attachments-v1/c');
    bench.plugins.install('main', { ADD: `rm -r '${folder}'; : >'${folder}'` });
    const request = { network: networkOf('n', ['main']), parameters: parametersOf('c') };

    await expect(bench.cni.attach(request)).rejects.toThrow(
      /^cannot write or remove the attachment record ".*eth0.json": E[A-Z]+$/,
    );
    expect(bench.plugins.callNames()).toEqual(['main ADD', 'main DEL']);
  });

  it('runs no plugin when no record can be written', async () => {
    bench.plugins.install('main');
    writeFileSync(join(bench.stateDir, 'attachments-v1'), '');
    const request = { network: networkOf('n', ['main']), parameters: parametersOf('c') };

    await expect(bench.cni.attach(request)).rejects.toThrow('cannot read the attachment record');
    expect(bench.plugins.callNames()).toEqual([]);
  });

  it('refuses a second attachment of the same interface', async () => {
    bench.plugins.install('main');
    const request = { network: networkOf('n', ['main']), parameters: parametersOf('c') };
    await bench.cni.attach(request);

    await expect(bench.cni.attach(request)).rejects.toSatisfy((error) =>
      isGantryError(error, 'CNI_ATTACHMENT_EXISTS'),
    );
    await bench.cni.attach({ ...request, parameters: parametersOf('c', 'eth1') });
    expect(bench.cni.attachments(parametersOf('c').containerId).attachments).toHaveLength(2);
  });

  it('runs no plugin for parameters that none could use', async () => {
    bench.plugins.install('main');
    const parameters = parametersOf('c', 'eth0', { netns: 'relative' });

    await expect(
      bench.cni.attach({ network: networkOf('n', ['main']), parameters }),
    ).rejects.toThrow('is not an absolute path');
    expect(bench.plugins.calls({ withVersion: true })).toEqual([]);
  });
});

describe('attachAll()', () => {
  const meet = (own: string, other: string): string =>
    `: >"$here/${own}"; until [ -e "$here/${other}" ]; do sleep 0.02; done; echo '{}'; exit 0`;

  it('attaches the networks of one stage at the same time, stages one after another', async () => {
    bench.plugins.install('a', { ADD: meet('a-came', 'b-came') });
    bench.plugins.install('b', { ADD: meet('b-came', 'a-came') });
    bench.plugins.install('c');
    const requests = ['a', 'b', 'c'].map((name, index) => ({
      network: networkOf(name, [name]),
      parameters: parametersOf('pod', `eth${index}`),
    }));
    const attachments = await bench.cni.attachAll([requests.slice(0, 2), requests.slice(2)]);

    expect(attachments.map(({ network }) => network.name)).toEqual(['a', 'b', 'c']);
    expect(bench.plugins.callNames().at(-1)).toBe('c ADD');
  });

  it('detaches all when one fails, in reverse order, after the others of its stage are done', async () => {
    bench.plugins.install('a');
    bench.plugins.install('b', { ADD: failing('first') });
    bench.plugins.install('c', { ADD: 'sleep 0.5' });
    bench.plugins.install('d', { ADD: `sleep 0.7; ${failing('second')}` });
    bench.plugins.install('e');
    const request = (name: string, index: number): Parameters<typeof bench.cni.attach>[0] => ({
      network: networkOf(name, [name]),
      parameters: parametersOf('pod', `eth${index}`),
    });
    const stages = [
      [request('a', 0)],
      [request('b', 1), request('c', 2), request('d', 3)],
      [request('e', 4)],
    ];
    const error: unknown = await bench.cni.attachAll(stages).catch((thrown: unknown) => thrown);

    expect(pluginFailureOf(error)?.msg).toBe('first');
    expect(furtherFailuresOf(error).map((one) => pluginFailureOf(one)?.msg)).toEqual(['second']);
    expect(bench.plugins.callNames().slice(-2)).toEqual(['c DEL', 'a DEL']);
    expect(bench.plugins.callNames()).not.toContain('e ADD');
    expect(bench.cni.attachments().attachments).toEqual([]);
  });
});
