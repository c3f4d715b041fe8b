import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseImageId } from '#schema/types/image-hash';
import { parseAcName } from '#schema/types/names';
import { type PodUuid, parsePodUuid } from '#schema/types/pod-uuid';
import { openKeptListing } from './kept-listing.ts';
import type { PodStatus } from './outcomes.ts';

/** More than are worth a file. */
const MANY = 30;

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'gantry-listing-'));
  for (const uuid of uuids) mkdirSync(dirOf(uuid), { recursive: true });
});
afterEach(() => rmSync(dataDir, { recursive: true }));

const uuids = Array.from({ length: MANY }, (_, index) =>
  parsePodUuid(`${String(index).padStart(8, '0')}-89ab-4cde-8f01-23456789abcd`),
);
const [first = parsePodUuid(''), second = first] = uuids;
const dirOf = (uuid: PodUuid): string => join(dataDir, 'pods', 'run', uuid);
const trailOf = (uuid: PodUuid) => ({ dataDir, uuid, from: 'run' as const });
const file = (): string => join(dataDir, 'pods', 'listing');

const podOf = (uuid: PodUuid, changes: Partial<PodStatus> = {}): PodStatus => ({
  uuid,
  name: undefined,
  state: 'exited',
  createdAt: 1000.25,
  startedAt: Number(uuid.slice(0, 8)),
  pid: undefined,
  networks: [],
  apps: [
    {
      name: parseAcName('app'),
      imageId: parseImageId(`sha512-${'0'.repeat(128)}`),
      imageName: 'example.com/app:1',
      exitCode: Number(uuid.slice(0, 8)) % 3,
      state: 'exited',
      reason: 'exited',
      signal: undefined,
      startedAt: 1,
      finishedAt: 2,
      restarts: 0,
      userAnnotations: {},
      userLabels: { tier: 'web' },
    },
  ],
  userAnnotations: {},
  userLabels: {},
  exitPolicy: 'any-failure',
  stage1Name: 'example.com/stage1',
  problem: undefined,
  ...changes,
});

/** What one `list` does with pods that it finds as told. */
function list(changes: Partial<PodStatus> = {}): readonly PodUuid[] {
  const kept = openKeptListing(dataDir);
  const anew = uuids.filter((uuid) => kept.find(trailOf(uuid)) === undefined);
  for (const uuid of anew) kept.keep(podOf(uuid, changes));
  kept.save();

  return anew;
}

describe('openKeptListing()', () => {
  it('has every pod as it was seen, as long as its directory stays as it was', () => {
    expect(list()).toEqual(uuids);
    const kept = openKeptListing(dataDir);
    expect(uuids.map((uuid) => kept.find(trailOf(uuid)))).toEqual(uuids.map((uuid) => podOf(uuid)));

    writeFileSync(join(dirOf(first), 'core'), '');
    rmSync(dirOf(second), { recursive: true });
    expect(list()).toEqual([first, second]);
    expect(list()).toEqual([first, second]);
  });

  it.each<[string, Partial<PodStatus>]>([
    ['runs', { state: 'running' }],
    ['is broken', { problem: 'it has no manifest' }],
  ])('keeps no pod that %s', (_what, changes) => {
    list(changes);
    expect(list()).toEqual(uuids);
  });

  it('keeps only what lies in the folder of pods that have run', () => {
    list();
    const kept = openKeptListing(dataDir);
    expect(kept.find({ ...trailOf(first), from: 'exited-garbage' })).toBeUndefined();
  });

  it.each<[string, (text: string) => string]>([
    ['cut off', (text) => text.slice(0, 100)],
    ['empty', () => ''],
    ['something else', () => 'null'],
    ['of another format', (text) => text.replace('"format":1', '"format":2')],
    ['of another start of the machine', (text) => text.replace(/"boot":"\w/, '"boot":"x')],
  ])('takes a file that is %s for none, and writes it anew', (_what, change) => {
    list();
    writeFileSync(file(), change(readFileSync(file(), 'utf8')));
    expect(list()).toEqual(uuids);
    expect(list()).toEqual([]);
  });
});
