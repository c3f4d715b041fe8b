import { GantryError } from '#base/errors/gantry-error';
import { isRoot } from '#base/kernel/is-root';
import type { Environment } from '../config/environment.ts';
import type { Call } from './command.ts';
import { expandName } from './command-name.ts';
import { COMMANDS, type CommandEntry, GROUPS } from './command-table.ts';
import { EXIT } from './exit-status.ts';
import { GLOBAL_OPTIONS, globalOptions } from './global-options.ts';
import { type OptionToken, tokenize } from './option.ts';
import { type Output, standardOutput } from './output.ts';
import { usageError } from './usage-error.ts';

/** What the program is started with. */
export interface ProgramRequest {
  /** The path of the program's own code: `PROGRAM/lib/main.js`. */
  readonly program: string;
  /** What follows the program's name. */
  readonly args: readonly string[];
  readonly environment: Environment;
}

/**
 * Runs one command line. Errors are presented here, all of them, on standard error.
 * @returns the exit status: 0, 254 for our failures and bad usage, 2 without a
 * command, or what the command made of it
 */
export async function runProgram({ program, args, environment }: ProgramRequest): Promise<number> {
  const output = standardOutput();
  let name = '';
  try {
    if (args.some((arg) => arg.includes('\uFFFD'))) await demandExact(args);
    if (currentDirectory().includes('\uFFFD')) await guardDirectory();
    const found = findCommand(args);
    if (found.entry === undefined) return await withoutCommand(found.leading, output);

    name = found.entry.name;
    checkRoot(found.entry);
    const { command } = await found.entry.load();
    const { leading, rest } = found;
    const call: Call = { name, leading, args: rest, program, environment, output };
    return await command.run(call);
  } catch (error) {
    const { presentError } = await import('./present-error.ts');
    return await presentError(error, { name, debug: wantsDebug(args) });
  }
}

/** Where Node may have replaced what is no UTF-8; hardly a command has to load what tells. */
async function demandExact(args: readonly string[]): Promise<void> {
  const { demandExactArguments } = await import('../config/given-bytes.ts');
  demandExactArguments(args);
}

/** Empty when it is gone. */
function currentDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '';
  }
}

async function guardDirectory(): Promise<void> {
  const { guardDirectory: guard } = await import('../config/given-bytes.ts');
  guard();
}

interface Found {
  readonly entry: CommandEntry | undefined;
  readonly leading: readonly OptionToken[];
  readonly rest: readonly string[];
}

/** Takes the command's name, one word or two, off the front; global flags may stand before each word. */
function findCommand(args: readonly string[]): Found {
  const leading: OptionToken[] = [];
  let rest = args;
  let group = '';
  for (;;) {
    const { word, index } = firstWord(rest, leading);
    if (word === undefined) {
      if (group === '') return { entry: undefined, leading, rest: [] };
      if (globalOptions(leading).help)
        return { entry: entryOf('help'), leading: [], rest: [group] };
      throw usageError(`"${group}" needs a command`, `"gantry help ${group}" lists them`);
    }

    const name = expandName(group, word);
    rest = rest.slice(index + 1);
    if (!Object.hasOwn(GROUPS, name)) {
      return { entry: entryOf(name), leading, rest };
    }
    group = name;
  }
}

function entryOf(name: string): CommandEntry | undefined {
  return COMMANDS.find((entry) => entry.name === name);
}

function firstWord(
  args: readonly string[],
  leading: OptionToken[],
): { readonly word: string | undefined; readonly index: number } {
  for (const token of tokenize(args, GLOBAL_OPTIONS)) {
    if (token.kind === 'option') leading.push(token);
    else if (token.kind === 'word') return { word: token.text, index: token.index };
  }

  return { word: undefined, index: args.length };
}

function checkRoot({ name, needsRoot }: CommandEntry): void {
  if (needsRoot !== true || isRoot()) return;

  throw new GantryError('NOT_ROOT', `cannot ${name}: it needs the rights of root`, {
    hint: 'run it as root, with sudo for example',
  });
}

/** What a bare `gantry` does: help, and the exit status that rkt had for it. */
async function withoutCommand(leading: readonly OptionToken[], output: Output): Promise<number> {
  const { programHelp } = await import('./help.ts');
  output.write(await programHelp());

  return globalOptions(leading).help ? EXIT.ok : EXIT.noCommand;
}

/** Whether errors are to be shown whole, told from the raw words: what is wrong may be the words. */
function wantsDebug(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const own = end < 0 ? args : args.slice(0, end);

  return own.some((word) => word === '--debug' || word === '--debug=true');
}
