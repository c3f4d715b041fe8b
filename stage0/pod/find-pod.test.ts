import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf } from '../../test/helpers/code-of.ts';
import { linuxKernel as kernel } from '#base/kernel/linux-kernel';
import { findPodInFile, findPodUuid, listPodUuids } from './find-pod.ts';
import { createPod, demandMove } from './locked-pod.ts';
import { podsDir } from './pod-dirs.ts';
import { POD_FORMAT, podsVersionPath } from './pod-format.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'pods-'));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
});

describe('listPodUuids()', () => {
  it.each(['', 'x\n'])(
    'hints at the number that is to be in pods/version, which holds %j',
    (text) => {
      mkdirSync(podsDir(dataDir));
      writeFileSync(podsVersionPath(dataDir), text);

      expect(() => listPodUuids(dataDir)).toThrow(
        expect.objectContaining({
          code: 'POD_UNREADABLE',
          hint: expect.stringContaining(`${POD_FORMAT} for this gantry`),
        }),
      );
    },
  );
});

describe('findPodUuid()', () => {
  it('takes an unambiguous beginning, in either case, or a file that holds one', () => {
    using pod = createPod(kernel, dataDir);

    expect(findPodUuid(dataDir, pod.uuid.slice(0, 8).toUpperCase())).toBe(pod.uuid);
    expect(codeOf(() => findPodUuid(dataDir, 'zzz'))).toBe('POD_NOT_FOUND');
    expect(codeOf(() => findPodUuid(dataDir, '../..'))).toBe('POD_NOT_FOUND');
    expect(codeOf(() => findPodInFile(dataDir, '/no/such'))).toBe('UUID_FILE_UNREADABLE');
    const file = join(dataDir, 'uuid');
    writeFileSync(file, `${pod.uuid}\n`);
    expect(findPodInFile(dataDir, file)).toBe(pod.uuid);
    for (const text of ['\n', 'root:x:0\nbin:x:1\n']) {
      writeFileSync(file, text);
      expect(codeOf(() => findPodInFile(dataDir, file))).toBe('UUID_FILE_UNREADABLE');
    }
  });

  it('names the pods that an ambiguous beginning may mean', () => {
    const pods = Array.from({ length: 20 }, () => createPod(kernel, dataDir));
    const firsts = pods.map(({ uuid }) => uuid.slice(0, 1));
    const twice = firsts.find((first, index) => firsts.indexOf(first) !== index) ?? '';
    for (const pod of pods) pod.lock.release();

    expect(codeOf(() => findPodUuid(dataDir, twice))).toBe('POD_AMBIGUOUS');
    expect(listPodUuids(dataDir)).toEqual(pods.map(({ uuid }) => uuid).sort());
  });

  it('does not find what is garbage', () => {
    using pod = demandMove(createPod(kernel, dataDir), 'garbage');

    expect(codeOf(() => findPodUuid(dataDir, pod.uuid))).toBe('POD_NOT_FOUND');
  });
});
