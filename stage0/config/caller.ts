import type { CallerState } from '#stage1';

/** The environment that operations and apps see, and what else the caller of gantry had. */
export interface CallerEnvironment {
  readonly env: Readonly<Record<string, string>>;
  readonly caller: CallerState;
}

/** Set by the launcher: `nofile=N sigign=HEX sigblk=HEX`, as proc_pid_limits(5) and proc_pid_status(5) say them. */
const CALLER_VARIABLE = 'GANTRY_CALLER';
/** Set by the built program itself, in this process. */
export const PROGRAM_VARIABLE = 'GANTRY_PROGRAM_FDS';
const OWN_VARIABLES: readonly string[] = [CALLER_VARIABLE, PROGRAM_VARIABLE];
/** Names that the launcher sets aside, because Node would obey them. */
const SET_ASIDE = {
  GANTRY_NODE_OPTIONS: 'NODE_OPTIONS',
  GANTRY_NODE_EXTRA_CA_CERTS: 'NODE_EXTRA_CA_CERTS',
  GANTRY_NODE_TLS_REJECT_UNAUTHORIZED: 'NODE_TLS_REJECT_UNAUTHORIZED',
} as const;

/**
 * Takes what the launcher added out of the environment and puts back what it
 * set aside. Started without the launcher, the caller's state is unknown: the
 * limit stays as it is and no signal counts as ignored.
 * @param raw the process's environment
 */
export function readCaller(raw: Readonly<Record<string, string | undefined>>): CallerEnvironment {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined || OWN_VARIABLES.includes(name) || name in SET_ASIDE) continue;
    env[name] = value;
  }
  for (const [aside, original] of Object.entries(SET_ASIDE)) {
    const value = raw[aside];
    if (value !== undefined) env[original] = value;
  }

  return { env, caller: parseCaller(raw[CALLER_VARIABLE] ?? '') };
}

function parseCaller(text: string): CallerState {
  const fields = new Map<string, string>();
  for (const item of text.split(' ')) {
    const [name = '', value = ''] = item.split('=', 2);
    fields.set(name, value);
  }

  return {
    softNofile: parseLimit(fields.get('nofile')),
    ignoredSignals: parseSignalSet(fields.get('sigign')),
    blockedSignals: parseSignalSet(fields.get('sigblk')),
  };
}

function parseLimit(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}

/** Signal numbers of a mask as /proc writes it: bit n-1 stands for signal n. */
function parseSignalSet(text: string | undefined): readonly number[] {
  if (text === undefined || !/^[0-9a-fA-F]{1,16}$/.test(text)) return [];

  const mask = BigInt(`0x${text}`);
  const signals: number[] = [];
  for (let signal = 1; signal <= 64; signal += 1) {
    if ((mask >> BigInt(signal - 1)) & 1n) signals.push(signal);
  }

  return signals;
}
