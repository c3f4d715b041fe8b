import type { PodAction } from '../../pod/pod-state.ts';
import type { CommandHelp, Operand } from '../command.ts';
import { expandName } from '../command-name.ts';
import { COMMANDS, GROUPS } from '../command-table.ts';
import { GLOBAL_OPTIONS } from '../global-options.ts';
import { type OptionSpec, type OptionSpecs, type OptionToken, takesNextWord } from '../option.ts';

/** What may stand where a command line is to be completed. */
export type Place =
  | { readonly kind: 'command'; readonly group: string }
  | { readonly kind: 'flag'; readonly specs: OptionSpecs }
  /** `head` is what of the word belongs to the flag: `--format=`, or nothing where the value is a word of its own. */
  | {
      readonly kind: 'value';
      readonly name: string;
      readonly spec: OptionSpec;
      readonly head: string;
    }
  | {
      readonly kind: 'operand';
      readonly operand: Operand;
      readonly action: PodAction | undefined;
      /** Operands that stand there already. */
      readonly given: readonly string[];
    }
  /** An argument of an app, which only that app knows. */
  | { readonly kind: 'argument' };

/** A command line that is to be completed. */
export interface FoundPlace {
  readonly place: Place;
  /** The flags before it. */
  readonly flags: readonly OptionToken[];
}

interface Walk {
  readonly flags: OptionToken[];
  readonly operands: string[];
  /** Empty before the command, and for a word that is none. */
  group: string;
  help: CommandHelp | undefined;
  specs: OptionSpecs;
  inArguments: boolean;
}

/**
 * Finds out what the last word of an unfinished command line can be.
 * @param before the words before it, without the program's name
 * @param typed as much of it as has been typed
 * @throws GantryError BAD_USAGE when a word before it is no command
 */
export async function findPlace(before: readonly string[], typed: string): Promise<FoundPlace> {
  const walk: Walk = {
    flags: [],
    operands: [],
    group: '',
    help: undefined,
    specs: GLOBAL_OPTIONS,
    inArguments: false,
  };
  for (let at = 0; at < before.length; at += 1) {
    const word = before[at] ?? '';
    if (walk.inArguments) walk.inArguments = word !== '---';
    else if (word === '--') walk.inArguments = true;
    else if (word === '-' || !word.startsWith('-')) await takeWord(walk, word);
    else {
      const awaited = takeFlag(walk, word, before[at + 1]);
      if (awaited === undefined) continue;
      at += 1;
      if (at === before.length) return { place: { ...awaited, head: '' }, flags: walk.flags };
    }
  }

  return {
    place: walk.inArguments ? { kind: 'argument' } : placeOf(walk, typed),
    flags: walk.flags,
  };
}

async function takeWord(walk: Walk, word: string): Promise<void> {
  if (walk.help !== undefined) {
    walk.operands.push(word);
    return;
  }

  const name = expandName(walk.group, word);
  if (Object.hasOwn(GROUPS, name)) {
    walk.group = name;
    return;
  }
  const entry = COMMANDS.find((each) => each.name === name);
  walk.help = (await entry?.load())?.command.help;
  walk.specs = { ...walk.help?.options, ...GLOBAL_OPTIONS };
}

/** @returns the flag when its value is the next word */
function takeFlag(
  { specs, flags }: Walk,
  word: string,
  next: string | undefined,
): { readonly kind: 'value'; readonly name: string; readonly spec: OptionSpec } | undefined {
  const [, long, value] = /^--([^=]+)(?:=(.*))?$/.exec(word) ?? [];
  const name = long ?? nameOfShort(specs, word);
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec === undefined) return undefined;

  const awaits = value === undefined && takesNextWord(spec);
  flags.push({ kind: 'option', name, value: value ?? (awaits ? (next ?? '') : 'true') });
  return awaits ? { kind: 'value', name, spec } : undefined;
}

/** The flag whose short name is this word. */
function nameOfShort(specs: OptionSpecs, word: string): string {
  return Object.keys(specs).find((name) => specs[name]?.short === word.slice(1)) ?? '';
}

function placeOf(walk: Walk, typed: string): Place {
  const { specs, help, group } = walk;
  const [, head = '', name = ''] = /^(--([^=]+)=)/.exec(typed) ?? [];
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined;
  if (spec !== undefined) return { kind: 'value', name, spec, head };
  if (typed.startsWith('-')) return { kind: 'flag', specs };
  if (help === undefined) return { kind: 'command', group };

  return operandPlace(walk, help) ?? { kind: 'flag', specs };
}

function operandPlace(
  { operands: given, flags }: Walk,
  { operands: declared = [], action }: CommandHelp,
): Place | undefined {
  const byFile = flags.some(({ name }) => name === 'uuid-file');
  const wanted = declared.filter((each) => !byFile || (each !== 'pod' && each !== 'pods'));
  const last = wanted.at(-1);
  const operand =
    wanted[given.length] ?? (last !== undefined && PLURAL.includes(last) ? last : undefined);

  return operand === undefined ? undefined : { kind: 'operand', operand, action, given };
}

const PLURAL: readonly Operand[] = ['files', 'images', 'pods', 'sources'];
