import { readFileSync } from 'node:fs';

/** Mount points below a directory in this process's mount table, outer ones before those on them. */
export function mountsBelow(dir: string): readonly string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => unescapeMountPath(line.split(' ')[4] ?? ''))
    .filter((path) => path.startsWith(`${dir}/`));
}

/** A path as proc_pid_mountinfo(5) writes it, read. */
function unescapeMountPath(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_all, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
