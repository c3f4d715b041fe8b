import { GantryError } from '#base/errors/gantry-error';
import { byteOrder } from '#base/kernel/byte-order';
import { type AcIdentifier, parseAcIdentifier } from './names.ts';
import { quoted } from '#base/errors/quoted';

export interface Label {
  readonly name: AcIdentifier;
  readonly value: string;
}

/** Unique by name; never one called `name`; `os` and `arch` from the table (appc, Image Manifest Schema). */
export type Labels = readonly Label[];

/** Which `arch` labels go with which `os` label (appc schema, ValidOSArch). */
export const OS_ARCHITECTURES: Readonly<Record<string, readonly string[]>> = {
  linux: [
    'amd64',
    'i386',
    'aarch64',
    'aarch64_be',
    'armv6l',
    'armv7l',
    'armv7b',
    'ppc64',
    'ppc64le',
    's390x',
  ],
  freebsd: ['amd64', 'i386', 'arm'],
  darwin: ['x86_64', 'i386'],
};

/** The `os` and `arch` labels of images made for the machine that this runs on. */
export interface HostLabels {
  readonly os: 'linux';
  readonly arch: string;
}

/** The labels that a machine of this architecture asks for. */
export function hostLabels(
  architecture: string = process.arch,
  order: 'BE' | 'LE' = byteOrder(),
): HostLabels {
  return { os: 'linux', arch: architectureLabel(architecture, order) };
}

/** Node's word for a processor as appc's. @throws GantryError HOST_UNSUPPORTED */
function architectureLabel(architecture: string, order: 'BE' | 'LE'): string {
  switch (architecture) {
    case 'x64':
      return 'amd64';
    case 'ia32':
      return 'i386';
    case 'arm64':
      return order === 'LE' ? 'aarch64' : 'aarch64_be';
    case 'arm':
      return order === 'LE' ? 'armv7l' : 'armv7b';
    case 'ppc64':
      return order === 'LE' ? 'ppc64le' : 'ppc64';
    case 's390x':
      return 's390x';
    default:
      throw new GantryError(
        'HOST_UNSUPPORTED',
        `cannot tell the architecture label of this machine: appc has no word for ${quoted(architecture)}`,
      );
  }
}

/** The value of the label with this name. */
export function labelValue(labels: Labels, name: string): string | undefined {
  return labels.find((label) => label.name === name)?.value;
}

/** Whether an image with the labels `given` is one that was asked for with the labels `wanted`: all of them, with equal values. */
export function labelsMatch(wanted: Labels, given: Labels): boolean {
  return wanted.every(({ name, value }) => labelValue(given, name) === value);
}

/**
 * Makes labels of pairs that somebody typed.
 * @throws GantryError IDENTIFIER_INVALID, LABEL_INVALID
 */
export function makeLabels(pairs: Iterable<readonly [name: string, value: string]>): Labels {
  const labels = [...pairs].map(([name, value]) => ({ name: parseAcIdentifier(name), value }));
  const fault = labelsFault(labels);
  if (fault !== undefined)
    throw new GantryError('LABEL_INVALID', `cannot use labels: ${fault.problem}`);

  return labels;
}

/** What is wrong with labels as a set, and in which field of which of them. */
export interface LabelsFault {
  readonly problem: string;
  readonly index: number;
  readonly field: 'name' | 'value';
}

/** Finds what is wrong with labels as a set; undefined when nothing is. */
export function labelsFault(labels: Labels): LabelsFault | undefined {
  const seen = new Set<string>();
  for (const [index, { name }] of labels.entries()) {
    if (name === 'name') {
      return { problem: 'a label must not be called "name"', index, field: 'name' };
    }
    if (seen.has(name)) {
      return { problem: `label ${quoted(name)} is given twice`, index, field: 'name' };
    }
    seen.add(name);
  }

  return osArchFault(labels);
}

/** Of a pair of `os` and `arch` labels; `arch` means nothing without `os`. */
function osArchFault(labels: Labels): LabelsFault | undefined {
  const faultOf = (name: string, problem: string): LabelsFault => ({
    problem,
    index: labels.findIndex((label) => label.name === name),
    field: 'value',
  });
  const os = labelValue(labels, 'os');
  if (os === undefined) return undefined;

  const architectures = Object.hasOwn(OS_ARCHITECTURES, os) ? OS_ARCHITECTURES[os] : undefined;
  if (architectures === undefined) {
    const known = Object.keys(OS_ARCHITECTURES).join(', ');
    return faultOf('os', `os must be one of ${known}, not ${quoted(os)}`);
  }
  const arch = labelValue(labels, 'arch');
  if (arch === undefined || architectures.includes(arch)) return undefined;

  return faultOf(
    'arch',
    `arch for ${os} must be one of ${architectures.join(', ')}, not ${quoted(arch)}`,
  );
}
