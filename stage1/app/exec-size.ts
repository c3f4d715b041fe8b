/** MAX_ARG_STRLEN of execve(2), the zero at the end among it. */
const MAX_STRING_BYTES = 128 * 1024;

/**
 * What of a command the kernel is not to be told, for it is too long.
 * @returns in words; undefined when each argument and variable is short enough
 */
export function tooLongToPass(
  argv: readonly string[],
  environment: Readonly<Record<string, string>>,
): string | undefined {
  const argument = argv.findIndex((each) => isTooLong(each));
  if (argument >= 0) return `argument ${argument} is longer than 128 KiB`;
  const variable = Object.entries(environment).find(([name, value]) =>
    isTooLong(`${name}=${value}`),
  );

  return variable && `the variable "${variable[0]}" is longer than 128 KiB`;
}

const isTooLong = (text: string): boolean => Buffer.byteLength(text) >= MAX_STRING_BYTES;
