import type { Command } from '../units/unit.ts';
import { isPassable } from '../units/quote.ts';

/** The stage1's static busybox. */
const CARRIER_SOURCE = '/usr/bin/busybox';

/** Where an app that needs it finds it: in its own /dev, which no image and no volume owns. */
export const CARRIER_PATH = '/dev/.env';

/** `env` for an app that has variables which systemd does not pass on; paths as its host, and as the app sees them. */
export const carrierPath = (stage1Root: string): string => `${stage1Root}${CARRIER_SOURCE}`;

/** The variables that systemd would drop (`discovery.type`, say), as `NAME=value`. */
export function carriedVariables(environment: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(environment)
    .filter(([name, value]) => !isPassable(name, value))
    .map(([name, value]) => `${name}=${value}`);
}

/** The command with those variables on it, as `env` takes them; the command itself when there are none. */
export function carry(command: Command, variables: readonly string[]): Command {
  if (variables.length === 0) return command;

  return { ...command, path: CARRIER_PATH, argv: ['env', ...variables, ...command.argv] };
}
