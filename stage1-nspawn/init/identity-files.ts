import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatHosts, stage1RootfsDir } from '#stage1';

/** Files that say which machine the pod is; absolute, on the host. */
export interface IdentityFiles {
  readonly hostname: string;
  readonly hosts: string;
}

/** Writes the pod's machine id (its UUID, which is what its journal goes by), host name, and a hosts file. */
export function writeIdentityFiles(
  podDir: string,
  { uuid, hostname }: { readonly uuid: string; readonly hostname: string },
): IdentityFiles {
  const etc = join(stage1RootfsDir(podDir), 'etc');
  const files = { hostname: join(etc, 'hostname'), hosts: join(etc, 'hosts-fallback') };
  writeFileSync(join(etc, 'machine-id'), `${uuid.replaceAll('-', '')}\n`);
  writeFileSync(files.hostname, `${hostname}\n`);
  writeFileSync(files.hosts, formatHosts(hostname, []));

  return files;
}
