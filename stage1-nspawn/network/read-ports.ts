import { readFileSync } from 'node:fs';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import { appImageManifestPath, type ForwardedPort, podManifestPath, resolvePorts } from '#stage1';
import type { PassedSocket } from '../sockets/passed-sockets.ts';

/**
 * The ports of the host that lead to a pod: those that its manifest exposes, but
 * for numbers on which the caller listens, for the pod, itself.
 * @throws GantryError as `resolvePorts`
 */
export function readPorts(
  podDir: string,
  passed: readonly PassedSocket[],
): readonly ForwardedPort[] {
  const { ports = [], apps } = readDocument(podManifestPath(podDir)) as PodManifest;
  if (ports.length === 0) return [];

  return resolvePorts(
    ports,
    apps.map((app) => ({ name: app.name, ports: describe(podDir, app)?.ports ?? [] })),
  ).flatMap((port) => withoutPassed(port, passed));
}

/** What is left of a row: itself, or single ports. */
function withoutPassed(
  row: ForwardedPort,
  passed: readonly PassedSocket[],
): readonly ForwardedPort[] {
  const isPassed = (hostPort: number): boolean =>
    passed.some(({ port }) => port?.protocol === row.protocol && port.number === hostPort);
  const singles = Array.from({ length: row.count }, (_, index) => ({
    ...row,
    hostPort: row.hostPort + index,
    podPort: row.podPort + index,
    count: 1,
  }));
  const left = singles.filter(({ hostPort }) => !isPassed(hostPort));

  return left.length === row.count ? [row] : left;
}

function describe(podDir: string, { name, app }: RuntimeApp): RuntimeApp['app'] {
  return app ?? (readDocument(appImageManifestPath(podDir, name)) as ImageManifest).app;
}

function readDocument(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
