import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { CONFIG_SIZE_LIMIT } from './config-file.ts';
import { loadNetworks, type NetworkSet } from './load-networks.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'networks-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function put(path: string, content: unknown): void {
  const file = join(dir, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
}

const network = (name: string, extra: object = {}): object => ({
  cniVersion: '1.0.0',
  name,
  plugins: [{ type: 'ptp' }],
  ...extra,
});

const load = (...folders: readonly string[]): NetworkSet =>
  loadNetworks((folders.length === 0 ? ['a'] : folders).map((folder) => join(dir, folder)));

const named = ({ networks }: NetworkSet): readonly string[] => networks.map(({ name }) => name);

const problems = (set: NetworkSet): readonly string[] =>
  set.problems.map(({ kind, file, name }) => `${kind} ${file.slice(dir.length + 1)} ${name}`);

describe('loadNetworks()', () => {
  it('reads .conf, .json and .conflist, by file name, and nothing else', () => {
    put('a/30.conf', { name: 'third', type: 'ptp' });
    put('a/10.conflist', network('first'));
    put('a/20.json', { name: 'second', type: 'ptp' });
    put('a/15.json', network('between'));
    put('a/00.txt', network('no'));
    put('a/ptp', '#!/bin/sh');
    mkdirSync(join(dir, 'a/05.conf'));

    expect(named(load())).toEqual(['first', 'between', 'second', 'third']);
    expect(load().problems).toEqual([]);
  });

  it('takes folders that do not exist for empty', () => {
    expect(named(load('nothing', 'here'))).toEqual([]);
    expect(load('nothing').problems).toEqual([]);
  });

  it('gives a name to the first file of a folder, and says so', () => {
    put('a/10.conflist', network('n', { disableCheck: true }));
    put('a/20.conflist', network('n'));

    expect(load().networks).toMatchObject([{ name: 'n', disableCheck: true }]);
    expect(problems(load())).toEqual(['duplicate a/20.conflist n']);
    expect(load().problems[0]?.error.message).toContain('10.conflist" has the name "n" already');
  });

  it('lets a later folder override an earlier one, in the place that its file name gives', () => {
    put('a/10.conflist', network('n'));
    put('a/20.conflist', network('m'));
    put('b/30.conflist', network('n', { disableCheck: true }));

    expect(load('a', 'b').networks).toMatchObject([
      { name: 'm' },
      { name: 'n', disableCheck: true },
    ]);
    expect(problems(load('a', 'b'))).toEqual(['overridden a/10.conflist n']);
  });

  it('reads a folder given twice once', () => {
    put('a/10.conflist', network('n'));

    expect(load('a', 'a').problems).toEqual([]);
  });

  it('never falls back from a broken file to the one that it overrides', () => {
    put('a/10.conflist', network('n'));
    put('b/10.conflist', network('n', { plugins: [{ type: '' }] }));
    const set = load('a', 'b');

    expect(named(set)).toEqual([]);
    expect(() => set.find('n')).toThrow('plugins[0]: type: empty');
    expect(problems(set)).toEqual(['overridden a/10.conflist n', 'invalid b/10.conflist n']);
  });

  it('lets a broken file stand in the way of no other network', () => {
    put('a/10.conflist', '{');
    put('a/20.conflist', network('good'));
    const set = load();

    expect(set.find('good').name).toBe('good');
    expect(problems(set)).toEqual(['invalid a/10.conflist undefined']);
  });

  it('says where a network that is not found may be', () => {
    put('a/10.conflist', '{');
    try {
      load().find('n');
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({
        code: 'CNI_NETWORK_NOT_FOUND',
        message: 'cannot find the network "n": no configuration has this name',
        hint: expect.stringMatching(/^it may be in a file of no use: cannot .*a\/10\.conflist"/),
      });
    }
  });

  it('adds the plugins beside a list, unless told not to', () => {
    put('a/10.conflist', network('n'));
    put('a/n/20.conf', { type: 'tuning' });
    put('a/n/10.conf', { type: 'portmap' });
    put('a/n/30.json', { type: 'no' });
    put('a/20.conflist', network('m', { loadOnlyInlinedPlugins: true }));
    put('a/m/10.conf', { type: 'no' });
    put('a/30.conflist', { name: 'k', cniVersion: '1.1.0' });
    put('a/k/10.conf', { type: 'alone' });
    put('a/40.conf', { name: 's', type: 'single' });
    put('a/s/10.conf', { type: 'no' });
    const types = load().networks.map(({ plugins }) => plugins.map(({ type }) => type).join());

    expect(types).toEqual(['ptp,portmap,tuning', 'ptp', 'alone', 'single']);
  });

  it('refuses a list whose plugins beside it are broken', () => {
    put('a/10.conflist', network('n'));
    put('a/n/10.conf', { type: 'ptp', ipam: { type: 'ptp' } });

    expect(() => load().find('n')).toThrow('n/10.conf": ipam.type: "ptp" would run itself');
  });

  it('names circles, devices, giants and dangling links', async () => {
    mkdirSync(join(dir, 'a'));
    symlinkSync('loop.conf', join(dir, 'a/loop.conf'));
    symlinkSync('nowhere', join(dir, 'a/dangling.conf'));
    put('a/huge.conf', ' '.repeat(CONFIG_SIZE_LIMIT + 1));
    put('a/empty.conf', '');
    await nodeExec.run({ argv: ['mkfifo', join(dir, 'a/fifo.conf')], env: { PATH: '/usr/bin' } });
    const messages = load().problems.map(({ error }) => error.message.replace(/.*": /, ''));

    expect(messages).toEqual([
      'ENOENT',
      'not JSON',
      'not a regular file',
      `larger than ${CONFIG_SIZE_LIMIT} bytes`,
      'a circle of symbolic links',
    ]);
  });

  it('names a folder that is a circle of links', () => {
    symlinkSync('a', join(dir, 'a'));

    expect(load().problems[0]?.error.message).toContain('a circle of symbolic links');
  });
});
