import { expect, test } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import { makeSigningKey } from '../../test/helpers/signing.ts';
import { makeTrustHost } from '../../test/helpers/trust-host.ts';

// Loads the room in a process of its own, writing down each module.
const LOOK = `
  const { registerHooks } = require('node:module');
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  const [room, roots, fingerprint] = JSON.parse(process.argv[1]);
  import(room).then(({ openTrust }) => {
    const standing = openTrust(roots).isTrusted({ fingerprint, name: 'example.com/web' });
    console.log(JSON.stringify({ standing, loaded }));
  });
`;

test('isTrusted() answers without loading the OpenPGP library', async () => {
  using host = makeTrustHost();
  const { fingerprint, publicKeyArmored: content } = await makeSigningKey({ name: 'Somebody' });
  host.put({ scope: 'example.com', fingerprint, content });
  const name = 'example.com/web' as Parameters<typeof host.trust.keyringFor>[0];
  await host.trust.examine({ fingerprint, name });

  const question = JSON.stringify([`${import.meta.dirname}/index.ts`, host.roots, fingerprint]);
  const argv = [process.execPath, '-e', LOOK, question] as const;
  const { stdout } = await nodeExec.run({ argv, env: {} });

  const { standing, loaded } = JSON.parse(stdout.toString()) as {
    standing: string;
    loaded: string[];
  };
  expect(standing).toBe('trusted');
  expect(loaded.some((url) => url.endsWith('trust/verifier.ts'))).toBe(true);
  expect(loaded.filter((url) => url.includes('node_modules/openpgp'))).toEqual([]);
});
