import { Help } from 'commander';
import { COMMANDS, type CommandEntry, GROUPS } from './command-table.ts';
import { GLOBAL_OPTIONS } from './global-options.ts';
import type { OptionSpec, OptionSpecs } from './option.ts';
import { unknownWord } from './usage-error.ts';
import { VERSION } from './version.ts';

/** How far text is set in below its heading. */
const INDENT = '  ';
/** Columns of help that does not go to a terminal. */
const DEFAULT_WIDTH = 100;

/** The help of the program, in rkt's layout. */
export async function programHelp(): Promise<string> {
  return page([
    ['NAME', ['gantry - runs pods from images that it has verified']],
    ['USAGE', ['gantry [GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]']],
    ['VERSION', [VERSION]],
    ['COMMANDS', commandLines('')],
    [
      'DESCRIPTION',
      wrapped(
        'Every command may be shortened to a beginning that no other has. "gantry help COMMAND" tells more about one.',
      ),
    ],
    ['GLOBAL OPTIONS', optionLines(GLOBAL_OPTIONS)],
  ]);
}

/**
 * The help of one command or group.
 * @throws GantryError BAD_USAGE when there is no such command
 */
export async function commandHelp(name: string): Promise<string> {
  const entry = COMMANDS.find((one) => one.name === name);
  if (entry !== undefined) return await entryHelp(entry);

  const summary = Object.hasOwn(GROUPS, name) ? GROUPS[name] : undefined;
  if (summary === undefined) {
    throw unknownWord('command', name, [
      ...COMMANDS.map((one) => one.name),
      ...Object.keys(GROUPS),
    ]);
  }
  return page([
    ['NAME', [`gantry ${name} - ${summary}`]],
    ['USAGE', [`gantry ${name} COMMAND [OPTIONS] [ARGUMENTS]`]],
    ['COMMANDS', commandLines(`${name} `)],
    ['GLOBAL OPTIONS', optionLines(GLOBAL_OPTIONS)],
  ]);
}

async function entryHelp(entry: CommandEntry): Promise<string> {
  const { name, summary } = entry;
  const { help } = (await entry.load()).command;

  return page([
    ['NAME', [`gantry ${name} - ${summary}`]],
    ['USAGE', help.usage.split('\n').map((line) => `gantry ${name} ${line}`.trimEnd())],
    ['DESCRIPTION', help.description.split('\n').flatMap((text) => wrapped(text))],
    ['OPTIONS', optionLines(help.options)],
    ['GLOBAL OPTIONS', optionLines(GLOBAL_OPTIONS)],
  ]);
}

type Section = readonly [heading: string, lines: readonly string[]];

function page(sections: readonly Section[]): string {
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([heading, lines]) => `${heading}:\n${lines.map(indented).join('')}`)
    .join('\n');
}

const indented = (line: string): string => (line === '' ? '\n' : `${INDENT}${line}\n`);

function width(): number {
  return (process.stdout.columns ?? DEFAULT_WIDTH) - INDENT.length;
}

function wrapped(text: string): readonly string[] {
  return new Help().boxWrap(text, width()).split('\n');
}

/** Two columns, the second wrapped to the terminal. */
function columns(rows: readonly (readonly [term: string, text: string])[]): readonly string[] {
  const help = new Help();
  help.prepareContext({ helpWidth: width() });
  const termWidth = Math.max(0, ...rows.map(([term]) => term.length));

  return rows.flatMap(([term, text]) =>
    help
      .formatItem(term, termWidth, text, help)
      .split('\n')
      .map((line) => line.slice(INDENT.length)),
  );
}

function commandLines(prefix: string): readonly string[] {
  const rows = COMMANDS.filter(
    ({ name, hidden }) => hidden !== true && name.startsWith(prefix),
  ).map(({ name, summary }): readonly [string, string] => [name.slice(prefix.length), summary]);

  return columns(rows);
}

function optionLines(specs: OptionSpecs): readonly string[] {
  const shown = Object.entries(specs).filter(([, { hidden }]) => hidden !== true);

  return columns(
    shown
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, spec]) => [optionTerm(name, spec), optionText(spec)]),
  );
}

function optionTerm(name: string, { kind, short, value = 'VALUE' }: OptionSpec): string {
  const term = short === undefined ? `--${name}` : `-${short}, --${name}`;
  if (kind === 'flag') return term;

  return kind === 'value' || kind === 'values' ? `${term}=${value}` : `${term}[=${value}]`;
}

function optionText({ summary, fallback, kind, single }: OptionSpec): string {
  const notes = [
    ...(single !== true && kind.endsWith('s') ? ['may be repeated'] : []),
    ...(fallback === undefined ? [] : [`default ${fallback}`]),
  ];

  return notes.length === 0 ? summary : `${summary} (${notes.join('; ')})`;
}
