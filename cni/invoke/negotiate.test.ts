import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { printJson } from '../../test/doubles/cni-plugin.ts';
import { type CniBench, createCniBench, networkOf } from '../../test/helpers/cni-bench.ts';

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
});
afterEach(() => {
  bench[Symbol.dispose]();
});

const speaks = (...versions: readonly string[]): { readonly VERSION: string } => ({
  VERSION: printJson({ cniVersion: '1.1.0', supportedVersions: versions }),
});

const asked = (): readonly string[] =>
  bench.plugins
    .calls({ withVersion: true })
    .map(({ plugin }) => plugin)
    .sort();

describe('negotiate()', () => {
  it('takes the newest version that configuration, plugins and their IPAM plugins share', async () => {
    bench.plugins.install('main', speaks('0.3.1', '0.4.0', '1.0.0', '1.1.0', '2.0.0'));
    bench.plugins.install('chained', speaks('0.4.0', '1.0.0', '1.1.0'));
    bench.plugins.install('addresses', speaks('0.4.0', '1.0.0'));
    const plugins = [{ type: 'main', ipam: { type: 'addresses' } }, 'chained'];
    const network = networkOf('n', plugins, { cniVersions: ['0.4.0', '1.0.0'] });

    expect((await bench.cni.negotiate(network)).version).toBe('1.0.0');
    expect(asked()).toEqual(['addresses', 'chained', 'main']);
  });

  it('says who supports what when nothing suits all', async () => {
    bench.plugins.install('old', speaks('0.1.0', '0.2.0'));
    bench.plugins.install('odd', speaks('7.0.0'));

    await expect(bench.cni.negotiate(networkOf('n', ['old', 'odd']))).rejects.toThrow(
      'cannot use the network "n": no CNI version suits all: the configuration has 1.1.0; plugin "old" supports 0.1.0, 0.2.0; plugin "odd" supports none',
    );
  });

  it('names a plugin that is not there before any is run', async () => {
    bench.plugins.install('main');
    const network = networkOf('n', [{ type: 'main', ipam: { type: 'gone' } }]);

    await expect(bench.cni.negotiate(network)).rejects.toThrow('cannot find the plugin "gone"');
  });
});

describe('versionsOf()', () => {
  it('knows a plugin of 0.1.0 by its not knowing the command', async () => {
    const VERSION = printJson({ code: 4, msg: 'unknown CNI_COMMAND: VERSION' }, 1);
    bench.plugins.install('ancient', { VERSION });

    expect(await bench.cni.versionsOf('ancient')).toEqual(['0.1.0']);
  });

  it('knows a plugin of 0.2.0, which has no list', async () => {
    bench.plugins.install('old', { VERSION: printJson({ cniVersion: '0.2.0' }) });

    expect(await bench.cni.versionsOf('old')).toEqual(['0.1.0', '0.2.0']);
  });

  it.each([{ cniVersion: '1.0.0' }, { supportedVersions: 'x' }, { supportedVersions: [1] }])(
    'refuses the answer %j',
    async (answer) => {
      bench.plugins.install('bad', { VERSION: printJson(answer) });

      await expect(bench.cni.versionsOf('bad')).rejects.toThrow('it lists no supportedVersions');
    },
  );

  it('passes other failures on, and asks again', async () => {
    bench.plugins.install('bad', { VERSION: printJson({ code: 5, msg: 'broken' }, 1) });
    await expect(bench.cni.versionsOf('bad')).rejects.toThrow('broken');
    bench.plugins.install('bad', speaks('1.0.0'));

    expect(await bench.cni.versionsOf('bad')).toEqual(['1.0.0']);
  });

  it('asks once, over processes, until the plugin is replaced', async () => {
    bench.plugins.install('main', speaks('1.0.0'));
    await bench.cni.versionsOf('main');
    await bench.cni.versionsOf('main');
    expect(await bench.open().versionsOf('main')).toEqual(['1.0.0']);
    expect(asked()).toHaveLength(1);

    bench.plugins.install('main', speaks('0.4.0'));
    utimesSync(join(bench.plugins.dir, 'main'), 1, 1);
    expect(await bench.cni.versionsOf('main')).toEqual(['0.4.0']);
    expect(asked()).toHaveLength(2);
  });

  it.each(['', '{', '[]', '{"format":2}', '{"format":1,"versions":[7]}'])(
    'asks anew when what it kept is %j',
    async (text) => {
      bench.plugins.install('main', speaks('1.0.0'));
      await bench.cni.versionsOf('main');
      const folder = join(bench.stateDir, 'plugin-versions-v1');
      expect(readdirSync(folder)).toEqual(['main.json']);
      expect(JSON.parse(readFileSync(join(folder, 'main.json'), 'utf8'))).toMatchObject({
        format: 1,
        versions: ['1.0.0'],
      });
      writeFileSync(join(folder, 'main.json'), text);

      expect(await bench.open().versionsOf('main')).toEqual(['1.0.0']);
    },
  );
});
