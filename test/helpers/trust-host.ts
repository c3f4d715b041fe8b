import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAcIdentifier } from '#schema/types/names';
import {
  createVerifier,
  openTrust,
  type Trust,
  type TrustRoots,
  type VerifiedBy,
} from '../../image-store/trust/index.ts';

/** Key folders of a test's own. */
export interface TrustHost extends Disposable {
  readonly dir: string;
  readonly roots: TrustRoots & { readonly factsDir: string };
  readonly trust: Trust;
  /** The present where a test stops the clock. */
  now?: number;
  /** Puts a file into a key folder as an administrator would by hand. @returns its path */
  put(file: PutKey): string;
  /** Checks a signature as a fetch does, the body in pieces. */
  verify(request: VerifyRequest): Promise<VerifiedBy>;
}

export interface PutKey {
  readonly layer?: 'system' | 'local' | 'user' | undefined;
  /** Empty for the root. */
  readonly scope?: string | undefined;
  readonly fingerprint: string;
  readonly content: string | Uint8Array;
}

export interface VerifyRequest {
  readonly signature: Uint8Array;
  readonly body: Uint8Array;
  readonly name?: string | undefined;
}

/** Makes empty key folders. */
export function makeTrustHost(): TrustHost {
  const dir = mkdtempSync(join(tmpdir(), 'trust-'));
  const layers = { system: join(dir, 'usr'), local: join(dir, 'etc'), user: join(dir, 'user') };
  const roots = {
    systemDir: layers.system,
    localDir: layers.local,
    extraDirs: [layers.user],
    factsDir: join(dir, 'facts'),
  };
  const present = (): number => host.now ?? Date.now();
  const host: TrustHost = {
    dir,
    roots,
    trust: openTrust(roots, { now: present }),

    put({ layer = 'local', scope = '', fingerprint, content }) {
      const folder = join(layers[layer], scope === '' ? 'root.d' : `prefix.d/${scope}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, fingerprint), content);
      return join(folder, fingerprint);
    },

    async verify({ signature, body, name = 'example.com/web' }) {
      const verifier = await createVerifier(signature, { now: present });
      for (let at = 0; at < body.length; at += 1000) {
        verifier.update(body.subarray(at, at + 1000));
      }
      return await verifier.finish(host.trust, parseAcIdentifier(name));
    },

    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };

  return host;
}
