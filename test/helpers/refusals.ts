import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Publisher, startPublisher } from './publisher.ts';
import type { SigningKey } from './signing.ts';

/** A publisher whose key is trusted for everything, and ways to hand in what should be refused. */
export interface Refusals extends AsyncDisposable {
  readonly publisher: Publisher;
  /** Puts an image and its signature into files. @returns the path of the image */
  put(image: Uint8Array, options?: PutOptions): Promise<string>;
  /** Trusts a key by putting it where `gantry trust` would. @param scope `root.d`, `prefix.d/NAME` */
  trust(key: SigningKey, scope?: string): void;
  /** Writes a document of the kind `limits`; undefined takes it away again. */
  limit(limits: Readonly<Record<string, number>> | undefined): void;
  /**
   * Runs the program and expects what every refusal has: exit status 254,
   * nothing on standard output, a hint, and nothing left in the store.
   * @returns standard error
   */
  refused(...args: readonly string[]): Promise<string>;
}

export interface PutOptions {
  /** Who signs; the publisher unless told, nobody for `null`. */
  readonly key?: SigningKey | null;
  /** What is signed in place of the image. */
  readonly signed?: Uint8Array;
  /** When, as the signature says. */
  readonly at?: Date;
}

export async function startRefusals(): Promise<Refusals> {
  const publisher = await startPublisher();
  const { machine } = publisher;
  const env = { ...publisher.env, no_proxy: 'localhost' };
  const limitsFile = join(machine.localConfig, 'limits.d', 'limits.json');
  let images = 0;

  const trust: Refusals['trust'] = (key, scope = 'root.d') => {
    const folder = join(machine.localConfig, 'trustedkeys', scope);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, key.fingerprint), key.publicKeyArmored);
  };
  trust(publisher.key);

  return {
    publisher,
    trust,
    async put(image, { key = publisher.key, signed = image, at } = {}) {
      images += 1;
      const path = join(machine.workDir, `image-${images}.aci`);
      writeFileSync(path, image);
      if (key !== null) writeFileSync(`${path}.asc`, await key.sign(signed, { at }));
      return path;
    },
    limit(limits) {
      if (limits === undefined) return rmSync(limitsFile);
      mkdirSync(join(limitsFile, '..'), { recursive: true });
      writeFileSync(limitsFile, JSON.stringify({ rktKind: 'limits', rktVersion: 'v1', ...limits }));
    },
    async refused(...args) {
      const result = await publisher.gantry(args, { env });

      expect(result.stderr).toMatch(/^hint: ./m);
      expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
      expectNothingKept(join(machine.dataDir, 'cas'));
      return result.stderr;
    },
    [Symbol.asyncDispose]: async () => await publisher[Symbol.asyncDispose](),
  };
}

/** Nothing but the empty folders of the store, whoever looks at it. */
function expectNothingKept(store: string): void {
  const files = readdirSync(store, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name);

  expect(files).toEqual(['version']);
}
