import { readFileSync } from 'node:fs';
import type { ImageManifest } from '#schema/image/image-manifest';
import type { PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import { appImageManifestPath, type ForwardedPort, podManifestPath, resolvePorts } from '#stage1';

/**
 * The ports that a pod's manifest exposes on the host.
 * @throws GantryError as `resolvePorts`
 */
export function readPorts(podDir: string): readonly ForwardedPort[] {
  const { ports = [], apps } = readDocument(podManifestPath(podDir)) as PodManifest;
  if (ports.length === 0) return [];

  return resolvePorts(
    ports,
    apps.map((app) => ({ name: app.name, ports: describe(podDir, app)?.ports ?? [] })),
  );
}

function describe(podDir: string, { name, app }: RuntimeApp): RuntimeApp['app'] {
  return app ?? (readDocument(appImageManifestPath(podDir, name)) as ImageManifest).app;
}

function readDocument(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'));
}
