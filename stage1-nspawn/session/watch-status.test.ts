import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { nodeExec } from '#base/exec/node-exec';
import type { EntrypointHost } from '#stage1';
import { watchStatus } from './watch-status.ts';

let podDir: string;
beforeEach(() => {
  podDir = mkdtempSync(join(tmpdir(), 'gantry-watch-status-'));
});
afterEach(() => {
  rmSync(podDir, { recursive: true });
});

it('has no status when the pod has ended and its file systems with it', async () => {
  const host = { exec: nodeExec, podDir, env: { PATH: '/usr/bin:/bin' } };

  expect(
    await watchStatus(host as unknown as EntrypointHost, join(podDir, 'gone/status')),
  ).toBeUndefined();
});
