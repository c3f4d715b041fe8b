import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The addresses that host-local holds on a network of this host. */
export function networkTraces(network: string): readonly string[] {
  return listDir(join('/var/lib/cni/networks', network)).filter((name) =>
    /^[\da-f.:]+$/.test(name),
  );
}

/** The names in a folder; none when it is not there. */
export function listDir(dir: string): readonly string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
