import { copyFileSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';

const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Puts programs and modules of this host into a root file system, with every library that they load, at the same paths. */
export function placeHostPrograms(rootfs: string, paths: readonly string[]): void {
  for (const path of new Set(paths.flatMap((each) => [each, ...librariesOf(each)]))) {
    const target = join(rootfs, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(realpathSync(path), target);
  }
}

function librariesOf(path: string): readonly string[] {
  const result = nodeExec.runSync({ argv: ['ldd', path], env: ENVIRONMENT });
  const text = demandSuccess(result, `list the libraries of ${path}`).stdout.toString();

  return [...text.matchAll(/(?:=> |^\s+)(\/\S+) \(0x/gm)].map(([, library = '']) => library);
}
