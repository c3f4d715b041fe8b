import { type Command, plainCommand } from '../cli/command.ts';
import { SHELLS } from '../cli/completion/propose.ts';
import { completionScript } from '../cli/completion/scripts.ts';
import { usageError } from '../cli/usage-error.ts';

/** `gantry completion SHELL`. */
export const command: Command = plainCommand({
  usage: SHELLS.join('|'),
  description: [
    'Prints a script that has a shell complete command lines of gantry: commands, flags and what they take, pods by name and UUID as far as the command is for them, images, files.',
    'For good: "gantry completion bash >/etc/bash_completion.d/gantry", "gantry completion zsh >/usr/local/share/zsh/site-functions/_gantry", "gantry completion fish >/etc/fish/completions/gantry.fish". For the shell at hand: "source <(gantry completion bash)", or zsh, and "gantry completion fish | source".',
  ].join('\n'),
  operands: ['shell'],
  options: {},
  words: { min: 1, max: 1 },

  async run({ call, words: [name] }) {
    const shell = SHELLS.find((each) => each === name);
    if (shell === undefined) {
      throw usageError(`cannot complete in "${name}"`, `shells are ${SHELLS.join(', ')}`);
    }
    call.output.write(completionScript(shell));

    return 0;
  },
});
