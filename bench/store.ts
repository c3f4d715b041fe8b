import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { makeSigningKey, type SigningKey } from '../test/helpers/signing.ts';
import type { BenchContext } from './context.ts';
import { ENVIRONMENT, type TimedCommand } from './measure.ts';

/** gantry with folders of its own and a key that it trusts for everything. */
export interface BenchStore {
  readonly dataDir: string;
  readonly key: SigningKey;
  /** A whole command line of the program. */
  command(...args: readonly string[]): TimedCommand;
  /** Runs one outside of the measurement. */
  run(...args: readonly string[]): Promise<string>;
}

/** Makes the folders, a signing key, and trusts it. */
export async function prepareStore(
  { gantry, work }: BenchContext,
  env: Readonly<Record<string, string>> = {},
): Promise<BenchStore> {
  const dataDir = join(work, 'data');
  const localConfig = join(work, 'etc');
  mkdirSync(localConfig, { recursive: true });
  const key = await makeSigningKey({ name: 'Bench <bench@gantry.example>' });
  const argv = (...args: readonly string[]): [string, ...string[]] => [
    gantry,
    `--dir=${dataDir}`,
    `--local-config=${localConfig}`,
    `--system-config=${join(work, 'none')}`,
    ...args,
  ];
  const environment = { ...ENVIRONMENT, ...env };
  const run = async (...args: readonly string[]): Promise<string> => {
    const result = await nodeExec.run({ argv: argv(...args), env: environment });
    return demandSuccess(result, `run gantry ${args[0]}`).stdout.toString();
  };
  const publicKey = join(work, 'key.asc');
  writeFileSync(publicKey, key.publicKeyArmored);
  await run('trust', '--root', '--skip-fingerprint-review', publicKey);

  return { dataDir, key, run, command: (...args) => ({ argv: argv(...args), env: environment }) };
}
