/** Arguments of `run` for a script in an image that has a shell; flags are the app's. */
export function inShell(
  image: string,
): (script: string, ...flags: readonly string[]) => readonly string[] {
  return (script, ...flags) => [image, ...flags, '--exec=/bin/sh', '--', '-c', script];
}
