import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { ExecResult } from '#base/exec/exec';
import {
  discoveryPage,
  file,
  type ImageServer,
  startImageServer,
} from '../doubles/image-server.ts';
import { type CallOptions, createPodContext, type PodContext } from './pod-context.ts';
import { makeSigningKey, type SigningKey } from './signing.ts';
import { type TinyAci, tinyAci } from './tiny-aci.ts';

/** A publisher's site for `example.com`, and a machine on which the built program reaches it. */
export interface Publisher extends AsyncDisposable {
  readonly server: ImageServer;
  readonly key: SigningKey;
  readonly machine: PodContext;
  /** Serves an image with its signature and a discovery page that names both and the key. */
  publish(image: TinyAci, options?: { readonly signed?: boolean }): Promise<void>;
  /** Puts an image and its signature into files of the machine. @returns the path of the image */
  save(image: TinyAci): Promise<string>;
  /** Runs the built program with the publisher's certificate trusted. */
  gantry(args: readonly string[], options?: CallOptions): Promise<ExecResult>;
  /** The environment that `gantry` runs in. */
  readonly env: Readonly<Record<string, string>>;
}

/** Starts a publisher. */
export async function startPublisher(): Promise<Publisher> {
  const server = await startImageServer({ names: ['example.com'] });
  const key = await makeSigningKey({ name: 'publisher' });
  const machine = createPodContext();
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    https_proxy: server.proxy,
    http_proxy: server.proxy,
    SSL_CERT_FILE: server.caFile,
  };

  return {
    server,
    key,
    machine,
    env,
    async publish(image, { signed = true } = {}) {
      const data = gzipSync(tinyAci(image));
      const path = `/${image.name.replaceAll('/', '-')}`;
      const page = discoveryPage({
        aci: [[image.name, `https://example.com${path}.{ext}`]],
        keys: [['example.com', 'https://example.com/keys.asc']],
      });
      server.on(image.name, page);
      server.on('example.com/', page);
      server.on('/keys.asc', file(key.publicKeyArmored));
      server.on(`${path}.aci`, file(data, { etag: '"1"' }));
      if (signed) server.on(`${path}.aci.asc`, file(await key.sign(data)));
    },
    async save(image) {
      const path = join(machine.workDir, `${image.name.replaceAll('/', '-')}.aci`);
      const data = gzipSync(tinyAci(image));
      writeFileSync(path, data);
      writeFileSync(`${path}.asc`, await key.sign(data));
      return path;
    },
    gantry: (args, options = {}) => machine.gantry(args, { env, ...options }),
    async [Symbol.asyncDispose]() {
      await machine[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
