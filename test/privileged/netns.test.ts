import { existsSync, openSync, readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { CLONE, MS } from '#base/kernel/kernel';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { isNetns, makeNetns, raiseLoopback, removeNetns } from '#cni';
import {
  enterNetworkHost,
  mountsOf,
  NETWORK_ENV,
  type NetworkHost,
  run,
  runIn,
} from '../helpers/network-host.ts';
import { requires } from '../helpers/requires.ts';

let host: NetworkHost;
const made = new Set<string>();

function containerNetns(name: string): string {
  const path = `/run/gantry-test/netns/${name}`;
  made.add(path);
  makeNetns(linuxKernel, { path });
  raiseLoopback(linuxKernel, path);

  return path;
}

describe.runIf(requires('root', 'netns', 'mount-namespace'))(
  'makeNetns(), raiseLoopback() and removeNetns()',
  () => {
    beforeAll(() => {
      host = enterNetworkHost();
    });
    afterEach(() => {
      for (const path of made) removeNetns(linuxKernel, { path });
      made.clear();
    });
    afterAll(() => {
      host[Symbol.dispose]();
    });

    it('make a namespace of its own, with loopback up, and leave no trace', () => {
      const own = readFileSync('/proc/thread-self/net/dev', 'utf8');
      const netns = containerNetns('trace');

      expect(isNetns(netns)).toBe(true);
      expect(run('readlink', '/proc/self/ns/net')).not.toBe(
        runIn(netns, 'readlink', '/proc/self/ns/net'),
      );
      expect(runIn(netns, 'ip', '-br', 'link').trim().split('\n')).toEqual([
        expect.stringMatching(/^lo .*LOOPBACK,UP/),
      ]);
      expect(readFileSync('/proc/thread-self/net/dev', 'utf8').split('\n').length).toBe(
        own.split('\n').length,
      );
      removeNetns(linuxKernel, { path: netns });
      removeNetns(linuxKernel, { path: netns });
      expect(existsSync(netns)).toBe(false);
      expect(mountsOf(netns)).toEqual([]);
    });

    it.each([
      ['shared', MS.SHARED],
      ['private', MS.PRIVATE],
    ])('pin in the host, whose mounts are %s, from a mount namespace of the pod', (word, kind) => {
      const path = `/run/gantry-test/netns/pod-${word}`;
      linuxKernel.setMountAttributes('/', { propagation: kind, recursive: true });
      const hostMounts = openSync('/proc/thread-self/ns/mnt', 'r');
      const folder = process.cwd();
      linuxKernel.unshare(CLONE.NEWNS);
      linuxKernel.setMountAttributes('/', { propagation: MS.SLAVE, recursive: true });
      try {
        makeNetns(linuxKernel, { path, hostMounts });
        expect(isNetns(path)).toBe(true);
        expect(process.cwd()).toBe(folder);
      } finally {
        linuxKernel.setNamespace(hostMounts, CLONE.NEWNS);
        process.chdir(folder);
      }

      expect(mountsOf(path)).toHaveLength(1);
      expect(runIn(path, 'ip', '-br', 'link')).toMatch(/^lo /);
      removeNetns(linuxKernel, { path });
      expect(mountsOf(path)).toEqual([]);
      expect(existsSync(path)).toBe(false);
    });

    it('remove a pin that another mount namespace still has', async () => {
      const netns = containerNetns('held');
      const holder = nodeExec.stream({
        argv: [
          'unshare',
          '--mount',
          '--propagation',
          'private',
          'sh',
          '-c',
          'echo; cat; cat /proc/self/mountinfo',
        ],
        env: NETWORK_ENV,
      });
      await new Promise<void>((resolve) => holder.stdout.once('data', () => resolve()));
      removeNetns(linuxKernel, { path: netns });
      let text = '';
      holder.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      holder.stdin.end();
      await holder.ended;

      expect(text).toContain('/proc ');
      expect(text).not.toContain(netns);
    });
  },
);
