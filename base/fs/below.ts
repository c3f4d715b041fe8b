/**
 * The path of something below a directory, for names that need no looking at.
 * `join` of node:path reads every path letter by letter, and the paths that a
 * run makes, each from the one above it, are some 200.
 * @param dir empty for where a relative path begins
 * @param names as they are, without `.` and `..`; empty ones are left out
 */
export function below(dir: string, ...names: readonly string[]): string {
  let path = dir;
  for (const name of names) {
    if (name !== '') path += path === '' || path.endsWith('/') ? name : `/${name}`;
  }

  return path;
}
