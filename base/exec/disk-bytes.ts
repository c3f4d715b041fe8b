import type { Exec } from './exec.ts';

/**
 * How much files and folders take on the disk, by du(1): blocks, not lengths.
 * What lies in several of the paths, by a second name or one path in another,
 * counts for the first alone. What is gone meanwhile takes nothing.
 * @returns bytes by path
 * @throws GantryError EXEC_NOT_STARTED
 */
export async function diskBytes(
  exec: Exec,
  paths: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const options = ['--block-size=1', '--summarize', '--one-file-system', '--null'];
  const { stdout } = await exec.run({
    argv: ['du', ...options, '--files0-from=-'],
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
    input: paths.map((path) => `${path}\0`).join(''),
    maxOutput: 1024 * 1024 * 1024,
  });

  return new Map(
    stdout
      .toString()
      .split('\0')
      .filter(Boolean)
      .map((line) => {
        const tab = line.indexOf('\t');
        return [line.slice(tab + 1), Number(line.slice(0, tab))];
      }),
  );
}
