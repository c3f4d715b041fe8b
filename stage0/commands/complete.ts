import { type Command, plainCommand } from '../cli/command.ts';
import { findPlace } from '../cli/completion/find-place.ts';
import { holdingsOf } from '../cli/completion/holdings.ts';
import { type Completion, propose } from '../cli/completion/propose.ts';
import { globalOptions } from '../cli/global-options.ts';
import { printable } from '../cli/printable.ts';
import { openWorkplace } from '../cli/workplace.ts';

/** `gantry complete -- WORD…`, for the scripts that "gantry completion" prints. */
export const command: Command = plainCommand({
  usage: '-- WORD…',
  description: [
    'Prints what can stand in place of the last word of a command line, which may be empty: a word a line, after a tab what it means. A line ":files" or ":directories" has the shell add those of its own.',
    'For the scripts that "gantry completion" prints. It never fails: where nothing can stand nothing is printed.',
  ].join('\n'),
  options: {},

  async run({ call }) {
    const words = call.args.slice(call.args.indexOf('--') + 1);
    const before = words.slice(0, -1);
    const typed = words.at(-1) ?? '';
    try {
      const { place, flags } = await findPlace(before, typed);
      const globals = globalOptions([...call.leading, ...flags]);
      using workplace = await openWorkplace(call, globals, { quiet: true });
      call.output.write(lines(propose(place, typed, holdingsOf(workplace.context))));
    } catch {
      // What is typed before makes no sense, or nothing can be read here: the user is told when the line is entered.
    }

    return 0;
  },
});

function lines({ proposals, also }: Completion): string {
  const words = proposals.map(({ word, about }) =>
    about === '' ? printable(word) : `${printable(word)}\t${printable(about)}`,
  );

  return [...words, ...(also === undefined ? [] : [`:${also}`])]
    .map((line) => `${line}\n`)
    .join('');
}
