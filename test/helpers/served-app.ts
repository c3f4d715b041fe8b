import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import type { FetchOutcome } from '../../image-store/fetch/request.ts';
import { type FetchHost, type Published, startFetchHost } from './fetch-host.ts';

type Http = Partial<FetchHost['http']>;

/** `example.com/app`, of 300 kB that do not compress, published anew on a host for each test of a file. */
export interface ServedApp {
  readonly host: FetchHost;
  readonly published: Published;
  /** Fetches it by its name. */
  fetch(http?: Http): Promise<FetchOutcome>;
  /** Fetches it, expects a refusal with this code, and that nothing is left of it. */
  refused(code: string, http?: Http): Promise<void>;
}

/** Starts the host before the tests of a file and stops it after them. */
export function useServedApp(): ServedApp {
  let host: FetchHost;
  let published: Published;
  beforeAll(async () => {
    host = await startFetchHost();
  });
  beforeEach(async () => {
    host.reset();
    published = await host.publish({
      name: 'example.com/app',
      files: { data: randomBytes(300_000) },
    });
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  const fetch: ServedApp['fetch'] = async (http = {}) =>
    await host.fetch('example.com/app', { http: { ...host.http, ...http } });

  return {
    get host() {
      return host;
    },
    get published() {
      return published;
    },
    fetch,
    async refused(code, http) {
      await expect(fetch(http)).rejects.toMatchObject({ code });

      expect(host.store.list()).toEqual([]);
      expect(readdirSync(join(host.store.dir, 'tmp'))).toEqual([]);
    },
  };
}
