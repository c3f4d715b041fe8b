import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buildDistIfStale } from '../scripts/build/dist.ts';
import { ensurePackages } from '../scripts/setup/packages.ts';
import type { BenchContext } from './context.ts';
import { measureFetch } from './fetch.ts';
import { measureLifecycle } from './lifecycle.ts';
import { measureMemory } from './memory.ts';
import { endAfterThis } from './measure.ts';
import { measureNetwork } from './network.ts';
import { measureOci } from './oci.ts';
import { formatRow, type Row } from './row.ts';
import { measureStart } from './start.ts';

const top = dirname(import.meta.dirname);

const SUITES: Readonly<Record<string, (context: BenchContext) => AsyncIterable<Row>>> = {
  start: measureStart,
  fetch: measureFetch,
  memory: measureMemory,
  network: measureNetwork,
  lifecycle: measureLifecycle,
  oci: measureOci,
};

await main(process.argv.slice(2));

/** `npm run bench [-- start|fetch|memory|network|lifecycle|oci …]`: gantry and its peers in the same run, as ratios with medians. */
async function main(wanted: readonly string[]): Promise<void> {
  await ensurePackages('bench');
  await buildDistIfStale();

  const folder = mkdtempSync(join(tmpdir(), 'gantry-bench-'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, endAfterThis);
  try {
    for (const [name, measure] of Object.entries(SUITES)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      const work = join(folder, name);
      mkdirSync(work);
      for await (const row of measure({
        gantry: join(top, 'dist', 'gantry'),
        node: join(top, 'dist', 'bin', 'node'),
        work,
      })) {
        process.stdout.write(`${formatRow(row)}\n`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
