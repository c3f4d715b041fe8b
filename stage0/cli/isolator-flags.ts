import { readInteger } from './flag-values.ts';
import { usageError } from './usage-error.ts';

/** The flags of one app that become isolators. */
export const ISOLATOR_FLAGS = [
  'memory',
  'cpu',
  'cpu-shares',
  'caps-retain',
  'caps-remove',
  'cap-retain',
  'cap-remove',
  'seccomp',
  'oom-score-adj',
] as const;

export type IsolatorFlags = Readonly<Record<(typeof ISOLATOR_FLAGS)[number], string | undefined>>;

/**
 * Checks the form of the isolator flags of one app.
 * @returns the names of those that were given
 * @throws GantryError BAD_USAGE
 */
export function checkIsolators(flags: IsolatorFlags): readonly string[] {
  if (flags.memory !== undefined) checkMemory(flags.memory);
  if (flags.cpu !== undefined) checkQuantity(flags.cpu, '--cpu');
  if (flags['cpu-shares'] !== undefined) {
    readInteger(flags['cpu-shares'], '--cpu-shares', { min: 2, max: 262_144 });
  }
  if (flags['oom-score-adj'] !== undefined) {
    readInteger(flags['oom-score-adj'], '--oom-score-adj', { min: -1000, max: 1000 });
  }
  checkCapabilities(flags);
  if (flags.seccomp !== undefined) checkSeccomp(flags.seccomp);

  return ISOLATOR_FLAGS.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`]));
}

const QUANTITY = /^\d+(\.\d+)?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/;

function checkQuantity(text: string, flag: string): void {
  if (!QUANTITY.test(text)) {
    throw usageError(`cannot read ${flag}: "${text}" is no quantity`, 'for example 512Mi or 1500m');
  }
}

function checkMemory(text: string): void {
  checkQuantity(text, '--memory');
  if (/^\d+$/.test(text) && Number(text) < 4096) {
    throw usageError(`cannot read --memory: "${text}" is less than 4096 bytes`);
  }
}

function checkCapabilities(flags: IsolatorFlags): void {
  const retain = flags['caps-retain'] ?? flags['cap-retain'];
  const remove = flags['caps-remove'] ?? flags['cap-remove'];
  if (retain !== undefined && remove !== undefined) {
    throw usageError('flags --caps-retain and --caps-remove exclude each other');
  }

  const wrong = (retain ?? remove)
    ?.split(',')
    .find((name) => !/^(CAP_)?[A-Z][A-Z_0-9]*$/.test(name));
  if (wrong !== undefined) {
    const flag = retain === undefined ? '--caps-remove' : '--caps-retain';
    throw usageError(
      `cannot read ${flag}: "${wrong}" is no capability`,
      'for example CAP_NET_ADMIN',
    );
  }
}

function checkSeccomp(text: string): void {
  const [mode = '', ...items] = text.split(',');
  const calls = items.filter((item) => !/^errno=E[A-Z0-9]+$/.test(item));
  const wrong = calls.find((item) => !/^(@?[a-z0-9_./-]+)$/.test(item));
  if (!['mode=retain', 'mode=remove'].includes(mode)) {
    throw usageError(`cannot read --seccomp: "${mode}" is neither mode=retain nor mode=remove`);
  }
  if (items.length - calls.length > 1) throw usageError('cannot read --seccomp: two errno');
  if (calls.length === 0) throw usageError('cannot read --seccomp: no system call is named');
  if (wrong !== undefined) throw usageError(`cannot read --seccomp: "${wrong}" is no system call`);
}
