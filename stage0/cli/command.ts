import type { Environment } from '../config/environment.ts';
import type { PodAction } from '../pod/pod-state.ts';
import { GLOBAL_OPTIONS, type GlobalOptions, globalOptions } from './global-options.ts';
import {
  type OptionSpecs,
  type OptionToken,
  type OptionValues,
  optionValues,
  tokenize,
} from './option.ts';
import type { Output } from './output.ts';
import { usageError } from './usage-error.ts';

/**
 * What a word that is no flag names, so that a shell can complete it. Plural
 * ones may be given several times; a `source` is an image in the store or a file.
 */
export type Operand =
  | 'command'
  | 'destination'
  | 'directory'
  | 'file'
  | 'files'
  | 'image'
  | 'images'
  | 'pod'
  | 'pods'
  | 'shell'
  | 'sources';

/** What `gantry help COMMAND` says beside the table's summary, and what completion goes by. */
export interface CommandHelp {
  /** What follows the command's name. */
  readonly usage: string;
  readonly description: string;
  readonly options: OptionSpecs;
  /** Its words that are no flags, in their order; none unless told. */
  readonly operands?: readonly Operand[] | undefined;
  /** What it does with a pod: only pods that let it are offered. */
  readonly action?: PodAction | undefined;
}

/** A command as it was called. */
export interface Call {
  /** The command's full name: `image list`. */
  readonly name: string;
  /** Global flags that stood before the name. */
  readonly leading: readonly OptionToken[];
  /** What followed the name. */
  readonly args: readonly string[];
  /** The path of the program's own code. */
  readonly program: string;
  readonly environment: Environment;
  readonly output: Output;
}

/** What a command's module exports as `command`. */
export interface Command {
  readonly help: CommandHelp;
  /** @returns the exit status */
  run(call: Call): Promise<number>;
}

/** A call of a command whose arguments are plain flags and words. */
export interface PlainCall<Specs extends OptionSpecs> {
  readonly call: Call;
  readonly globals: GlobalOptions;
  readonly options: OptionValues<Specs>;
  readonly words: readonly string[];
}

/** How a plain command is declared. */
export interface PlainCommand<Specs extends OptionSpecs> extends CommandHelp {
  readonly options: Specs;
  /** How many words it takes; any number unless told. */
  readonly words?: { readonly min: number; readonly max?: number };
  run(call: PlainCall<Specs>): Promise<number>;
}

/** Makes a command of plain flags and words. */
export function plainCommand<const Specs extends OptionSpecs>(
  declared: PlainCommand<Specs>,
): Command {
  const { options } = declared;

  return {
    help: declared,

    async run(call) {
      const { tokens, words } = splitPlain(call.args, { ...GLOBAL_OPTIONS, ...options });
      const globals = globalOptions([...call.leading, ...tokens]);
      if (globals.help) return await showHelp(call);
      checkWords(words, declared);

      return await declared.run({ call, globals, options: optionValues(tokens, options), words });
    },
  };
}

function splitPlain(
  args: readonly string[],
  specs: OptionSpecs,
): { readonly tokens: readonly OptionToken[]; readonly words: readonly string[] } {
  const tokens: OptionToken[] = [];
  const words: string[] = [];
  for (const token of tokenize(args, specs)) {
    if (token.kind === 'option') tokens.push(token);
    else if (token.kind === 'word') {
      // Unit files leave an empty word where a variable is empty.
      if (token.text !== '') words.push(token.text);
    } else words.push(...args.slice(token.index + 1));
  }

  return { tokens, words };
}

function checkWords(
  words: readonly string[],
  { words: wanted, usage }: PlainCommand<OptionSpecs>,
): void {
  const hint = `usage: ${usage === '' ? 'no arguments' : usage}`;
  if (words.length < (wanted?.min ?? 0)) throw usageError('too few arguments', hint);
  if (words.length > (wanted?.max ?? Number.POSITIVE_INFINITY)) {
    throw usageError(`too many arguments, the first is "${words[wanted?.max ?? 0]}"`, hint);
  }
}

/** Prints the help of the command that was called. @returns the exit status */
export async function showHelp(call: Call): Promise<number> {
  const { commandHelp } = await import('./help.ts');
  call.output.write(await commandHelp(call.name));

  return 0;
}
