import { Command } from 'commander';

/**
 * What a mistyped flag or command was probably meant to be, by commander's
 * measure of likeness. Loaded only when something was mistyped.
 * @returns undefined when nothing is near
 */
export async function closest(
  unknown: string,
  candidates: readonly string[],
): Promise<string | undefined> {
  const program = new Command('gantry').exitOverride().configureOutput({ writeErr: () => {} });
  for (const candidate of candidates) {
    if (candidate.startsWith('--')) program.option(candidate);
    else program.command(candidate.replaceAll(' ', '-'));
  }

  try {
    program.parse([unknown.replaceAll(' ', '-')], { from: 'user' });
  } catch (error) {
    const match = /Did you mean (?:one of )?([^?,]+)/.exec(String(error));
    return candidates.find((candidate) => candidate.replaceAll(' ', '-') === match?.[1]);
  }

  return undefined;
}
