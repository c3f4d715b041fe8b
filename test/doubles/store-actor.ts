import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isGantryError } from '#base/errors/gantry-error';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { RLIMIT } from '#base/kernel/kernel';
import type { ImageStore } from '#image-store';
import { addImage, openTestStore } from '../helpers/test-store.ts';
import { imageNamed } from '../helpers/store-images.ts';

// One of several processes that use a store at once: `store-actor DIR ACTION
// ARGUMENT`, as another user when ACTOR_IDENTITY is `UID:GID`. Says `ready` when
// it is about to begin; what it found out goes to standard output, one line each.

type Action = (store: ImageStore, argument: string) => Promise<void>;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const actions: Readonly<Record<string, Action>> = {
  /** Takes in one image. */
  async fetch(store, name) {
    say((await addImage(store, imageNamed(name), { latest: true })).key);
  },

  /** Names what is there. */
  async list(store) {
    for (const { name } of store.list()) say(name);
  },

  /** Collects for as many milliseconds as the argument says, with no grace. */
  async collect(store, milliseconds) {
    const end = Date.now() + Number(milliseconds);
    let collected = 0;
    while (Date.now() < end) {
      const inUse = () => ({ images: new Set<never>(), trees: new Set<never>() });
      collected += (await store.gc({ graceMs: 0, inUse })).images.length;
      await sleep(5);
    }
    say(`collected ${collected}`);
  },

  /** Takes in, leases and looks at one image again and again; it must not go away while it is leased. */
  async prepare(store, rounds) {
    let held = 0;
    for (let round = 0; round < Number(rounds); round += 1) {
      const { key } = await addImage(store, imageNamed('prepared'));
      try {
        using _lease = store.lease([key]);
        await sleep(10);
        readFileSync(store.blobPath(key));
        store.manifest(key);
        held += 1;
      } catch (error) {
        if (!isGantryError(error, 'IMAGE_NOT_FOUND')) throw error;
      }
    }
    say(`held ${held}`);
  },

  /** Takes in, touches and removes images until it is killed. */
  async churn(store, name) {
    for (let round = 0; ; round += 1) {
      const { key } = await addImage(store, imageNamed(`${name}/${round % 3}`));
      store.touch(key);
      if (round % 2 === 1) {
        try {
          await store.remove(key);
        } catch (error) {
          if (!isGantryError(error, 'IMAGE_IN_USE', 'IMAGE_NOT_FOUND')) throw error;
        }
      }
    }
  },
};

/** Root's number opens every door, so it is given up when all that is needed has been loaded. */
function becomeSomebodyElse(identity: string): void {
  const [uid = 0, gid = 0] = identity.split(':').map(Number);
  linuxKernel.getRlimit(RLIMIT.NOFILE);
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

const [dir = '', action = '', argument = ''] = process.argv.slice(2);
const run = actions[action];
if (run === undefined) throw new Error(`no such action: ${action}`);
const identity = process.env['ACTOR_IDENTITY'];
if (identity !== undefined) becomeSomebodyElse(identity);

say('ready');
try {
  using store = openTestStore(dir);
  await run(store, argument);
} catch (error) {
  if (!isGantryError(error)) throw error;
  process.stderr.write(`${error.code}: ${error.message} (${error.hint})\n`);
  process.exitCode = 254;
}
