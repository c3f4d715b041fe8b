import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printJson } from '../../test/doubles/cni-plugin.ts';
import {
  type CniBench,
  createCniBench,
  networkOf,
  parametersOf,
  resultWith,
} from '../../test/helpers/cni-bench.ts';
import type { JsonObject } from '../config/json.ts';
import { CNI_CODE, pluginFailureOf } from '../invoke/plugin-error.ts';

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
  bench.plugins.install('main', { ADD: printJson(resultWith('10.0.0.2/24')) });
  bench.plugins.install('chained');
});
afterEach(() => {
  bench[Symbol.dispose]();
});

async function attach(extra: JsonObject = {}): Promise<void> {
  const network = networkOf('n', ['main', 'chained'], extra);
  await bench.cni.attach({ network, parameters: parametersOf('c') });
  bench.plugins.forgetCalls();
}

describe('check()', () => {
  it('asks every plugin in order, with the final result of ADD', async () => {
    await attach();

    expect(await bench.cni.check(parametersOf('c'))).toBe('good');
    expect(bench.plugins.callNames()).toEqual(['main CHECK', 'chained CHECK']);
    for (const { config } of bench.plugins.calls()) {
      expect(config['prevResult']).toEqual(resultWith('10.0.0.2/24'));
    }
  });

  it('stops at the first plugin that finds fault', async () => {
    await attach();
    bench.plugins.install('main', { CHECK: printJson({ code: 101, msg: 'no address' }, 1) });

    await expect(bench.cni.check(parametersOf('c'))).rejects.toThrow(
      'cannot check the attachment with the plugin "main" of the network "n": it failed (code 101): no address',
    );
    expect(bench.plugins.callNames()).toEqual(['main CHECK']);
  });

  it('asks nobody when the configuration forbids it', async () => {
    await attach({ disableCheck: true });

    expect(await bench.cni.check(parametersOf('c'))).toBe('disabled');
    expect(bench.plugins.callNames()).toEqual([]);
  });

  it('asks nobody who does not know the command', async () => {
    bench.plugins.install('main', { ADD: printJson({ cniVersion: '0.3.1' }) });
    await attach({ cniVersion: '0.3.1' });

    expect(await bench.cni.check(parametersOf('c'))).toBe('unsupported');
    expect(bench.plugins.callNames()).toEqual([]);
  });

  it('refuses what is not attached', async () => {
    await expect(bench.cni.check(parametersOf('c'))).rejects.toThrow(
      'cannot check the interface "eth0" of the container "c": it is not attached',
    );
  });
});

describe('status()', () => {
  it('asks every plugin, without an attachment', async () => {
    expect(await bench.cni.status(networkOf('n', ['main', 'chained']))).toBe('good');
    expect(bench.plugins.callNames()).toEqual(['main STATUS', 'chained STATUS']);
    expect(Object.keys(bench.plugins.calls()[0]?.env ?? {}).sort()).toEqual([
      'CNI_COMMAND',
      'CNI_PATH',
    ]);
  });

  it.each([CNI_CODE.notAvailable, CNI_CODE.limitedConnectivity])(
    'passes code %i on',
    async (code) => {
      bench.plugins.install('chained', { STATUS: printJson({ code, msg: 'daemon away' }, 1) });
      const error: unknown = await bench.cni
        .status(networkOf('n', ['main', 'chained']))
        .catch((thrown: unknown) => thrown);

      expect(pluginFailureOf(error)).toMatchObject({ cniCode: code, command: 'STATUS' });
      expect(error).toHaveProperty('message', expect.stringContaining('not available'));
    },
  );

  it('asks nobody who does not know the command', async () => {
    const network = networkOf('n', ['main'], { cniVersion: '1.0.0' });

    expect(await bench.cni.status(network)).toBe('unsupported');
    expect(bench.plugins.callNames()).toEqual([]);
  });
});
