import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { createLog, type ProgressEvent } from '#base/log/log';
import {
  type FetchContext,
  fetchImage,
  type FetchOutcome,
  type FetchRequest,
  type HttpOptions,
  type ImageStore,
  parseReference,
} from '#image-store';
import {
  discoveryPage,
  file,
  type FileOptions,
  type ImageServer,
  startImageServer,
} from '../doubles/image-server.ts';
import { makeSigningKey, type SigningKey } from './signing.ts';
import { openTestStore } from './test-store.ts';
import { type TinyAci, tinyAci } from './tiny-aci.ts';
import { makeTrustHost, type TrustHost } from './trust-host.ts';

/** A publisher with a server and a key, and a machine that fetches from it. */
export interface FetchHost extends AsyncDisposable {
  readonly dir: string;
  readonly server: ImageServer;
  readonly key: SigningKey;
  readonly trusted: TrustHost;
  readonly store: ImageStore;
  readonly warnings: string[];
  /** What a user is told beside warnings. */
  readonly talk: string[];
  readonly progress: ProgressEvent[];
  /** What a fetch gets unless told otherwise. */
  readonly http: HttpOptions;
  /** The present where a test stops the clock. */
  now: number;
  /** Fetches as a user would who types `text`. */
  fetch(text: string, options?: FetchWish): Promise<FetchOutcome>;
  /** Serves an image and its signature below `https://example.com/`. @returns what is served */
  publish(image: TinyAci, options?: PublishOptions): Promise<Published>;
  /** Server, store and notes as at the start; the key stays trusted. */
  reset(): void;
}

export type FetchWish = Partial<Omit<FetchRequest, 'insecure'>> &
  Partial<FetchContext> & { readonly insecure?: Partial<FetchRequest['insecure']> };

export interface PublishOptions {
  /** `/NAME.aci` unless told. */
  readonly path?: string;
  readonly file?: FileOptions;
  readonly key?: SigningKey;
}

export interface Published {
  readonly path: string;
  readonly data: Buffer;
  readonly signature: Uint8Array;
}

const SECURE = { image: false, tls: false, http: false, pubkey: false };

/** Starts the server and trusts the publisher's key for `example.com`. */
export async function startFetchHost(): Promise<FetchHost> {
  const dir = mkdtempSync(join(tmpdir(), 'fetch-'));
  const server = await startImageServer({ names: ['example.com', 'example.org'] });
  const key = await makeSigningKey({ name: 'publisher' });
  const trusted = makeTrustHost();
  trusted.put({
    scope: 'example.com',
    fingerprint: key.fingerprint,
    content: key.publicKeyArmored,
  });
  let stores = 0;
  const newStore = (): ImageStore => openTestStore(join(dir, `store-${(stores += 1)}`));
  const warnings: string[] = [];
  const talk: string[] = [];
  const progress: ProgressEvent[] = [];
  const log = createLog(
    ({ level, message }) => {
      if (level === 'warning') warnings.push(message);
      if (level === 'info') talk.push(message);
    },
    (event) => void progress.push(event),
  );
  const http: HttpOptions = {
    proxies: { http: server.proxy, https: server.proxy },
    certificateFiles: [{ path: server.caFile, namedBy: 'SSL_CERT_FILE' }],
    timeouts: { connect: 2000, answer: 500, stall: 500 },
    retries: { attempts: 3, delay: 1, maxDelay: 20 },
  };
  const state = { store: newStore(), now: Date.now() };

  return {
    dir,
    server,
    key,
    trusted,
    warnings,
    talk,
    progress,
    get store() {
      return state.store;
    },
    get now() {
      return state.now;
    },
    set now(value) {
      state.now = value;
    },
    http,
    async fetch(text, { insecure, ...wish } = {}) {
      const { reference = parseReference(text, { fileExists: () => false }), ...rest } = wish;
      const request = { reference, pullPolicy: 'new' as const, ...rest };
      return await fetchImage(
        { ...request, insecure: { ...SECURE, ...insecure } },
        {
          store: state.store,
          trust: trusted.trust,
          kernel: linuxKernel,
          exec: nodeExec,
          log,
          http,
          clock: () => state.now,
          ...rest,
        },
      );
    },
    async publish(image, options = {}) {
      const data = gzipSync(tinyAci(image));
      const signature = await (options.key ?? key).sign(data);
      const path = options.path ?? `/${image.name.replaceAll('/', '-')}.aci`;
      const page = discoveryPage({
        aci: [[image.name, `https://example.com${path.replace(/aci$/, '{ext}')}`]],
      });
      server.on(image.name, page);
      server.on(path, file(data, options.file));
      server.on(`${path}.asc`, file(signature));
      return { path, data, signature };
    },
    reset() {
      server.reset();
      state.store.close();
      state.store = newStore();
      state.now = Date.now();
      warnings.length = 0;
      talk.length = 0;
      progress.length = 0;
    },
    async [Symbol.asyncDispose]() {
      state.store.close();
      trusted[Symbol.dispose]();
      await server[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
