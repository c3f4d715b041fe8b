import { type Command, plainCommand } from '../cli/command.ts';
import { commandHelp, programHelp } from '../cli/help.ts';

/** `gantry help [COMMAND]`. */
export const command: Command = plainCommand({
  usage: '[COMMAND]',
  description: 'Shows the help of gantry, or of one command.',
  operands: ['command', 'command'],
  options: {},
  async run({ call, words }) {
    call.output.write(
      words.length === 0 ? await programHelp() : await commandHelp(words.join(' ')),
    );

    return 0;
  },
});
