import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { netInfoPath } from '../layout/pod-paths.ts';
import { type NetInfo, readNetInfo, writeNetInfo } from './net-info.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'net-info-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const rkts = {
  netName: 'default',
  netConf: '/etc/rkt/net.d/99-default.conf',
  pluginPath: '/usr/lib/rkt/plugins/net/ptp',
  ifName: 'eth0',
  ip: '172.16.28.2',
  args: '',
  mask: '255.255.255.0',
};

describe('readNetInfo()', () => {
  it('reads back what was written', () => {
    const networks: readonly NetInfo[] = [
      { ...rkts, ips: ['172.16.28.2/24', 'fd00::2/64'], gateway: '172.16.28.1', mac: 'c2::' },
    ];
    writeNetInfo(dir, networks);

    expect(readNetInfo(dir)).toEqual(networks);
  });

  it('reads the list that rkt wrote', () => {
    writeFileSync(netInfoPath(dir), JSON.stringify([rkts]));

    expect(readNetInfo(dir)).toEqual([rkts]);
  });

  it.each(['', '{', 'null', '7', '{"networks":{}}', '[null,3,{"netName":4}]'])(
    'finds no network in %j',
    (text) => {
      writeFileSync(netInfoPath(dir), text);
      expect(readNetInfo(dir)).toEqual([]);
    },
  );

  it('finds none where there is no record, and takes odd fields for none', () => {
    expect(readNetInfo(dir)).toEqual([]);
    writeFileSync(netInfoPath(dir), '[{"netName":"a","ip":7,"ips":["1.2.3.4/8",5],"mac":null}]');

    expect(readNetInfo(dir)).toMatchObject([{ netName: 'a', ip: '', ips: ['1.2.3.4/8'] }]);
  });
});
