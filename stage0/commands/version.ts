import { plainCommand, type Command } from '../cli/command.ts';
import { APPC_VERSION, VERSION } from '../cli/version.ts';

/** `gantry version`: the lines of rkt's, with what there is instead of Go. */
export const command: Command = plainCommand({
  usage: '',
  description:
    'Prints the version of gantry, of the appc specification it follows, and of the Node it runs on.',
  options: {},
  words: { min: 0, max: 0 },
  async run({ call }) {
    call.output.write(
      [
        `gantry Version: ${VERSION}`,
        `appc Version: ${APPC_VERSION}`,
        `Node Version: ${process.version}`,
        `OS/Arch: ${process.platform}/${process.arch}`,
        '',
      ].join('\n'),
    );

    return 0;
  },
});
