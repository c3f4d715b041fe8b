import { ENDPOINTS, type Endpoint, parseDetachKeys } from '#stage1';
import { type Command, plainCommand } from '../cli/command.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { type AttachRequest, attachToPod } from '../operations/attach.ts';

/** `gantry attach [--app=NAME] [--mode=MODE] UUID`. */
export const command: Command = plainCommand({
  usage: '[--app=NAME] [--mode=MODE] UUID\n[--app=NAME] [--mode=MODE] --uuid-file=FILE',
  description:
    'Connects standard input and output with an app of a running pod that was run with --stdin, --stdout or --stderr "stream" or "tty". Several can be attached at once: the app reads what all of them send, and each of them sees what it says from then on; "gantry logs" has what came before. The exit status is that of the app, or 0 when the keys that leave a terminal were pressed.',
  operands: ['pod'],
  action: 'attach to',
  options: {
    app: { kind: 'value', value: 'NAME', summary: 'the app, when the pod has several' },
    'detach-keys': {
      kind: 'value',
      value: 'KEY,KEY',
      summary:
        'what leaves a terminal: characters and ctrl-X; ctrl-p,ctrl-q unless told, none when empty',
    },
    mode: {
      kind: 'value',
      value: 'auto|list|tty|STREAMS',
      summary:
        'what to attach to: all there is unless told; stdin, stdout and stderr by commas, tty or its tty-in and tty-out; list prints what there is',
    },
    ...UUID_FILE_OPTION,
  },

  async run({ call, globals, options, words }) {
    const chosen = readMode(options.mode ?? 'auto');
    const detachKeys = options['detach-keys'];
    if (detachKeys !== undefined) parseDetachKeys(detachKeys);

    using workplace = await openWorkplace(call, globals);
    const uuid = findOnePod(workplace, words, options['uuid-file']);
    const request = { ...chosen, uuid, app: options.app, detachKeys };
    return (await attachToPod(workplace.context, request)).exitCode;
  },
});

/** Reads `--mode`, as rkt has it. @throws GantryError BAD_USAGE */
function readMode(text: string): Pick<AttachRequest, 'action' | 'endpoints'> {
  if (text === 'auto') return { action: 'auto-attach', endpoints: [] };
  if (text === 'list') return { action: 'list', endpoints: [] };

  const endpoints = text
    .split(',')
    .flatMap((word): readonly Endpoint[] =>
      word === 'tty' ? ['tty-in', 'tty-out'] : [readEndpoint(word)],
    );
  const terminal = endpoints.filter((each) => each.startsWith('tty'));
  if (terminal.length > 0 && terminal.length < endpoints.length) {
    throw usageError('cannot read --mode: a terminal and streams exclude each other');
  }
  return { action: 'custom-attach', endpoints: [...new Set(endpoints)] };
}

function readEndpoint(word: string): Endpoint {
  const endpoint = ENDPOINTS.find((each) => each === word);
  if (endpoint !== undefined) return endpoint;
  if (word === 'auto' || word === 'list') {
    throw usageError(`cannot read --mode: "${word}" stands alone`);
  }

  throw usageError(
    `cannot read --mode: unknown "${word}"`,
    `there are auto, list, tty, ${ENDPOINTS.join(', ')}`,
  );
}
