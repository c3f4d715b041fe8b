import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { printJson } from '../../test/doubles/cni-plugin.ts';
import {
  type CniBench,
  createCniBench,
  networkOf,
  parametersOf,
} from '../../test/helpers/cni-bench.ts';
import type { CniOptions } from '../cni.ts';
import { furtherFailuresOf } from './further-failures.ts';
import { CNI_CODE, type PluginFailure, pluginFailureOf } from './plugin-error.ts';

/** One of its own: tests beside these end the plugins that are left of theirs. */
const CONTAINER = 'of-run-plugin';

let bench: CniBench;
beforeEach(() => {
  bench = createCniBench();
});
afterEach(() => {
  bench[Symbol.dispose]();
});

/** Attaches to a network of one plugin whose ADD has a script; gives the error. */
async function failingAdd(script: string, options: Partial<CniOptions> = {}): Promise<unknown> {
  bench.plugins.install('bad', { ADD: script });
  const request = { network: networkOf('n', ['bad']), parameters: parametersOf(CONTAINER) };

  return await bench
    .open(options)
    .attach(request)
    .then(() => expect.unreachable())
    .catch((error: unknown) => error);
}

async function failureOf(script: string, options?: Partial<CniOptions>): Promise<PluginFailure> {
  const failure = pluginFailureOf(await failingAdd(script, options));
  if (failure === undefined) throw new Error('no plugin failed');

  return failure;
}

describe('runPlugin()', () => {
  it('keeps code, message, details and stderr of what a plugin reports', async () => {
    const object = { cniVersion: '1.1.0', code: 7, msg: 'invalid', details: 'subnet too small' };
    const error = await failingAdd(`echo noise >&2\n${printJson(object, 1)}`);

    expect(isGantryError(error, 'CNI_PLUGIN_FAILED')).toBe(true);
    expect(error).toHaveProperty(
      'message',
      'cannot attach with the plugin "bad" of the network "n": it failed (code 7, invalid network configuration): invalid; subnet too small',
    );
    expect(pluginFailureOf(error)).toEqual({
      kind: 'reported',
      plugin: 'bad',
      path: join(bench.plugins.dir, 'bad'),
      command: 'ADD',
      network: 'n',
      containerId: CONTAINER,
      ifName: 'eth0',
      cniCode: CNI_CODE.invalidConfig,
      msg: 'invalid',
      details: 'subnet too small',
      stderr: 'noise',
    });
  });

  it('runs a plugin in a folder that is always there', async () => {
    expect((await failureOf('pwd >&2; exit 1')).stderr).toBe('/');
  });

  it('takes an error object for a failure whatever the exit code', async () => {
    expect(await failureOf(printJson({ code: 104, msg: 'mine' }, 0))).toMatchObject({
      kind: 'reported',
      cniCode: 104,
      msg: 'mine',
    });
  });

  it.each([
    ['exit 3', 'exit-code', 'exit code 3'],
    ['echo why >&2; exit 3', 'exit-code', 'exit code 3; why'],
    ['echo "no JSON"; exit 1', 'exit-code', 'exit code 1; no JSON'],
    ['kill -SEGV $$', 'signal', 'SIGSEGV'],
    ['exit 0', 'bad-output', 'it printed no JSON object'],
    ['echo "hello"; exit 0', 'bad-output', 'it printed no JSON object'],
    ['echo "[]"; exit 0', 'bad-output', 'it printed no JSON object'],
    [`echo '{"ips":[}'; exit 0`, 'bad-output', 'it printed no JSON object'],
    [printJson({ cniVersion: '7.0.0' }), 'bad-output', 'its cniVersion "\\"7.0.0\\"" is not known'],
    [printJson({ cniVersion: {} }), 'bad-output', 'its cniVersion "{}" is not known'],
    [printJson({ ips: [{}] }), 'bad-output', 'cannot read the result of the plugin "bad": ips[0]'],
    [printJson({ code: 'x', msg: 'y' }, 1), 'exit-code', 'exit code 1; {"code":"x","msg":"y"}'],
    [`printf '%0200000d' 0 | tr 0 '['; exit 0`, 'bad-output', 'it printed no JSON object'],
  ])('a plugin that does %.40s has failed: %s', async (script, kind, words) => {
    const error = await failingAdd(script);

    expect(pluginFailureOf(error)?.kind).toBe(kind);
    expect(error).toHaveProperty('message', expect.stringContaining(words));
  });

  it('ends a plugin that hangs, and what it started', async () => {
    const started = performance.now();
    const script = 'echo dialing >&2; sleep 300; exit 0';
    const error = await failingAdd(script, { timeLimitsMs: { ADD: 1000 } });

    expect(pluginFailureOf(error)?.kind).toBe('time-limit');
    expect(error).toHaveProperty(
      'message',
      expect.stringMatching(/and was ended: no end after 1 s; dialing$/),
    );
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('gives a plugin that forwards ports time for each of them', async () => {
    const plugin = { type: 'map', capabilities: { portMappings: true } };
    bench.plugins.install('map', { ADD: 'sleep 0.4' });
    const row = Array.from({ length: 50 }, (_, at) => ({
      hostPort: 8000 + at,
      containerPort: 80 + at,
      protocol: 'tcp' as const,
    }));
    const attach = (...portMappings: typeof row): Promise<unknown> =>
      bench.open({ timeLimitsMs: { ADD: 100 } }).attach({
        network: networkOf('n', [plugin]),
        parameters: parametersOf(CONTAINER, 'eth0', { capabilityArgs: { portMappings } }),
      });

    await expect(attach(...row.slice(0, 1))).rejects.toThrow('no end after 0.2 s');
    await expect(attach(...row)).resolves.toMatchObject({ state: 'attached' });
  });

  it('kills a plugin that does not listen', async () => {
    const script = 'trap "" TERM; while :; do sleep 0.1; done';
    const failure = await failureOf(script, { timeLimitsMs: { ADD: 200 } });

    expect(failure.kind).toBe('time-limit');
  });

  it.each(['stdout', 'stderr'])('ends a plugin that prints 100 MB on %s', async (stream) => {
    const script = `head -c 100000000 /dev/zero ${stream === 'stderr' ? '>&2' : ''}; exit 0`;

    const error = await failingAdd(script);

    expect(pluginFailureOf(error)?.kind).toBe('too-much-output');
    expect(error).toHaveProperty('message', expect.stringMatching(/and was ended$/));
  });

  it('ends a plugin when the caller gives up, and undoes what it did', async () => {
    bench.plugins.install('slow', { ADD: 'sleep 300' });
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const request = {
      network: networkOf('n', ['slow']),
      parameters: parametersOf(CONTAINER),
      signal,
    };
    const attaching = bench.cni.attach(request).catch((thrown: unknown) => thrown);
    await expect.poll(() => bench.plugins.callNames()).toEqual(['slow ADD']);
    giveUp.abort();
    const error: unknown = await attaching;

    expect(pluginFailureOf(error)?.kind).toBe('aborted');
    expect(bench.plugins.callNames()).toEqual(['slow ADD', 'slow DEL']);
    expect(bench.cni.attachments().attachments).toEqual([]);
  });

  it('starts nothing for a caller who has given up already', async () => {
    bench.plugins.install('slow');
    const signal = AbortSignal.abort();
    const request = {
      network: networkOf('n', ['slow']),
      parameters: parametersOf(CONTAINER),
      signal,
    };

    await expect(bench.cni.attach(request)).rejects.toThrow('because the whole was given up');
    expect(bench.plugins.callNames()).toEqual(['slow DEL']);
  });

  it('names a plugin that cannot be started', async () => {
    const path = join(bench.plugins.dir, 'nothing');
    writeFileSync(path, '#!/no/such/interpreter\n', { mode: 0o755 });
    const request = { network: networkOf('n', ['nothing']), parameters: parametersOf(CONTAINER) };

    await expect(bench.cni.attach(request)).rejects.toThrow(
      `cannot ask for the versions with the plugin "nothing" of the network "n": it cannot be started: cannot start "${path}"`,
    );
  });

  it("shows a plugin's words so that a terminal cannot be repainted", async () => {
    const error = await failingAdd(
      printJson({ code: 100, msg: 'a\u001b[2J\nb\u202e', details: '' }),
    );

    expect(error).toHaveProperty('message', expect.stringMatching(/: a \[2J b$/));
    expect(pluginFailureOf(error)?.msg).toBe('a\u001b[2J\nb\u202e');
  });

  it('cuts words without end', async () => {
    const error = await failingAdd(printJson({ code: 100, msg: 'x'.repeat(100_000) }));

    expect((error as Error).message.length).toBeLessThan(1000);
    expect(furtherFailuresOf(error)).toEqual([]);
  });

  it('gives plugins no variable but those of the protocol and a path', async () => {
    bench.plugins.install('good', { ADD: `env | grep -v '^\\(CNI_\\|PATH=\\|PWD=\\|_=\\)' >&2` });
    const messages: string[] = [];
    const log = { debug: (message: string) => void messages.push(message) };
    const cni = bench.open({ log: log as unknown as CniOptions['log'] });
    await cni.attach({ network: networkOf('n', ['good']), parameters: parametersOf(CONTAINER) });

    expect(messages).toEqual([]);
  });
});

describe('findPlugin()', () => {
  it('searches the folders in order, for files that may be executed', async () => {
    const second = join(bench.dir, 'second');
    const first = join(bench.dir, 'first');
    mkdirSync(join(first, 'folder'), { recursive: true });
    mkdirSync(second);
    for (const name of ['folder', 'plain', 'linked']) bench.plugins.install(name);
    symlinkSync(join(bench.plugins.dir, 'linked'), join(first, 'linked'));
    writeFileSync(join(first, 'plain'), '');
    chmodSync(join(first, 'plain'), 0o644);
    symlinkSync('/nowhere', join(second, 'plain'));
    const cni = bench.open({ pluginDirs: [first, second, bench.plugins.dir] });

    for (const name of ['folder', 'plain']) expect(await cni.versionsOf(name)).toHaveLength(7);
  });

  it.each(['missing', '../plugins/good', '', '.'])('finds no plugin %j', async (name) => {
    bench.plugins.install('good');

    await expect(bench.cni.versionsOf(name)).rejects.toThrow(`cannot find the plugin "${name}"`);
  });
});
