import { COMMANDS, GROUPS } from '../command-table.ts';
import type { Operand } from '../command.ts';
import { INSECURE_WORDS } from '../insecure-options.ts';
import type { OptionSpec, OptionSpecs } from '../option.ts';
import type { PodAction } from '../../pod/pod-state.ts';
import type { Place } from './find-place.ts';

/** A word that can stand there, whole. One that ends in `=` goes on. */
export interface Proposal {
  readonly word: string;
  /** What it means, for shells that show that. */
  readonly about: string;
}

/** What a shell offers. */
export interface Completion {
  readonly proposals: readonly Proposal[];
  /** What the shell adds of its own. */
  readonly also?: 'files' | 'directories' | undefined;
}

/** A pod or an image: what it is called, and what it goes by in any case. */
export interface Holding {
  readonly name: string | undefined;
  readonly id: string;
  /** What else is worth knowing. */
  readonly about: string;
}

/** What there is on this machine; asked for only where it matters. */
export interface Holdings {
  pods(action: PodAction | undefined): readonly Holding[];
  podNames(): readonly Proposal[];
  apps(): readonly Proposal[];
  images(): readonly Holding[];
}

/** The shells that there is a script for. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;

/** What can stand at a place, as far as it begins with what has been typed. */
export function propose(place: Place, typed: string, holdings: Holdings): Completion {
  const { proposals, also } = proposeAll(place, typed, holdings);

  return { proposals: proposals.filter(({ word }) => word.startsWith(typed)), also };
}

function proposeAll(place: Place, typed: string, holdings: Holdings): Completion {
  switch (place.kind) {
    case 'command':
      return { proposals: commands(place.group) };
    case 'flag':
      return { proposals: flags(place.specs) };
    case 'value':
      return values(place, typed, holdings);
    case 'operand':
      return operands(place, typed, holdings);
    case 'argument':
      break;
  }

  return { proposals: [], also: 'files' };
}

function commands(group: string): readonly Proposal[] {
  const prefix = group === '' ? '' : `${group} `;
  const entries = COMMANDS.filter(
    ({ name, hidden }) => hidden !== true && name.startsWith(prefix),
  ).map(({ name, summary }) => ({ word: name.slice(prefix.length), about: summary }));
  const groups = Object.entries(GROUPS).map(([word, about]) => ({ word, about }));

  return [...entries.filter(({ word }) => !word.includes(' ')), ...(group === '' ? groups : [])];
}

function flags(specs: OptionSpecs): readonly Proposal[] {
  return Object.entries(specs)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name, { kind, summary }]) => ({
      word: kind === 'value' || kind === 'values' ? `--${name}=` : `--${name}`,
      about: summary,
    }));
}

/** Of a comma list it is the last word that is completed. */
function values(
  { name, spec, head }: Extract<Place, { kind: 'value' }>,
  typed: string,
  holdings: Holdings,
): Completion {
  const before = typed.slice(0, Math.max(head.length, typed.lastIndexOf(',') + 1));
  const words = [...literals(spec), ...(VALUES[name]?.(holdings) ?? [])];

  return {
    proposals: words.map(({ word, about }) => ({ word: `${before}${word}`, about })),
    also: FILES[spec.value ?? ''],
  };
}

const VALUES: Readonly<Record<string, (holdings: Holdings) => readonly Proposal[]>> = {
  app: (holdings) => holdings.apps(),
  'insecure-options': () => INSECURE_WORDS.map((word) => ({ word, about: '' })),
  'pod-name': (holdings) => holdings.podNames(),
};

/** Words in the declarations of flags that mean something on the disk of the caller. */
const FILES: Readonly<Record<string, 'files' | 'directories'>> = {
  FILE: 'files',
  DIR: 'directories',
};

/** What a flag's declaration says that it takes: `json|json-pretty`, where capitals stand for something else. */
function literals({ kind, value = '', choices = [] }: OptionSpec): readonly Proposal[] {
  const truth = kind === 'flag' || value === 'BOOL' ? ['true', 'false'] : [];
  const named = value.includes('|')
    ? value.split('|').filter((word) => /^[a-z-]+$/.test(word))
    : [];

  return [...choices, ...named, ...truth].map((word) => ({ word, about: '' }));
}

function operands(
  { operand, action, given }: Extract<Place, { kind: 'operand' }>,
  typed: string,
  holdings: Holdings,
): Completion {
  const { also, proposals } = OPERANDS[operand]({ action, given, typed, holdings });

  return { proposals: proposals.filter(({ word }) => !given.includes(word)), also };
}

interface Asked {
  readonly action: PodAction | undefined;
  readonly given: readonly string[];
  readonly typed: string;
  readonly holdings: Holdings;
}

const OPERANDS: Readonly<Record<Operand, (asked: Asked) => Completion>> = {
  command: ({ given: [group = ''] }) => ({ proposals: commands(group) }),
  // Only whoever pushes knows where to.
  destination: () => ({ proposals: [] }),
  directory: () => ({ proposals: [], also: 'directories' }),
  file: () => ({ proposals: [], also: 'files' }),
  files: () => ({ proposals: [], also: 'files' }),
  image: ({ holdings, typed }) => ({ proposals: called(holdings.images(), typed) }),
  images: ({ holdings, typed }) => ({ proposals: called(holdings.images(), typed) }),
  pod: ({ holdings, action, typed }) => ({ proposals: called(holdings.pods(action), typed) }),
  pods: ({ holdings, action, typed }) => ({ proposals: called(holdings.pods(action), typed) }),
  shell: () => ({ proposals: SHELLS.map((word) => ({ word, about: '' })) }),
  sources: ({ holdings, typed }) => ({
    proposals: called(holdings.images(), typed),
    also: 'files',
  }),
};

/** By name; by id what has none, or shares it, and what is being typed. */
function called(holdings: readonly Holding[], typed: string): readonly Proposal[] {
  return holdings.flatMap(({ name, id, about }) => {
    const shared = holdings.filter((other) => other.name === name).length > 1;
    const wantsId = name === undefined || shared || (typed !== '' && id.startsWith(typed));
    return [
      ...(name === undefined ? [] : [{ word: name, about }]),
      ...(wantsId ? [{ word: id, about: name === undefined ? about : `${name} ${about}` }] : []),
    ];
  });
}
