import { type Call, type Command, showHelp } from '../cli/command.ts';
import { GLOBAL_OPTIONS, globalOptions } from '../cli/global-options.ts';
import { type OptionToken, optionValues, tokenize } from '../cli/option.ts';
import { readAbsolutePath, readAssignments, readText } from '../cli/flag-values.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { enterPod } from '../operations/enter.ts';

const OPTIONS = {
  app: { kind: 'value', value: 'NAME', summary: 'the app to enter, when the pod has several' },
  env: { kind: 'values', value: 'NAME=VALUE', summary: 'a variable on top of those of the app' },
  group: { kind: 'value', value: 'GROUP', summary: 'another group; with --user that of the user' },
  user: {
    kind: 'value',
    value: 'USER',
    summary: 'another user than the app’s, by name, number, or a file that has it',
  },
  'working-dir': { kind: 'value', value: 'PATH', summary: 'another directory than the app’s' },
  ...UUID_FILE_OPTION,
} as const;

/** What is run when no command is given, as in rkt. */
const SHELL = '/bin/bash';

/** `gantry enter [--app=NAME] UUID [COMMAND [ARG…]]`: flags end at the first word, the rest is the command's. */
export const command: Command = {
  help: {
    usage:
      '[--app=NAME] [FLAGS] UUID [COMMAND [ARG…]]\n[--app=NAME] [FLAGS] --uuid-file=FILE [COMMAND [ARG…]]',
    description: `Runs a command, ${SHELL} by default, in an app of a running pod: as the app’s user, in its directory, with its variables and under all that confines it. On a terminal the command gets one of its own. The exit status is that of the command.`,
    operands: ['pod'],
    action: 'enter',
    options: OPTIONS,
  },

  async run(call) {
    const { tokens, words } = splitCommand(call);
    const globals = globalOptions([...call.leading, ...tokens]);
    if (globals.help) return await showHelp(call);
    const values = optionValues(tokens, OPTIONS);
    const { app, user, group, 'uuid-file': uuidFile, 'working-dir': workingDir } = values;
    const variables = readAssignments(values.env, '--env', 'variable');
    const [pod, [program = SHELL, ...args]] =
      uuidFile === undefined ? [words.slice(0, 1), words.slice(1)] : [[], words];

    using workplace = await openWorkplace(call, globals);
    const { exitCode } = await enterPod(workplace.context, {
      uuid: findOnePod(workplace, pod, uuidFile),
      app,
      user: readText(user, '--user'),
      group: readText(group, '--group'),
      workingDir:
        workingDir === undefined ? undefined : readAbsolutePath(workingDir, '--working-dir'),
      environment: Object.entries(variables).map(([name, value]) => `${name}=${value}`),
      command: [program, ...args],
    });
    return exitCode;
  },
};

function splitCommand({ args }: Call): {
  readonly tokens: readonly OptionToken[];
  readonly words: readonly string[];
} {
  const tokens: OptionToken[] = [];
  for (const token of tokenize(args, { ...GLOBAL_OPTIONS, ...OPTIONS })) {
    if (token.kind === 'option') tokens.push(token);
    else {
      const words = args.slice(token.kind === 'word' ? token.index : token.index + 1);
      return { tokens, words: withoutTerminator(words) };
    }
  }

  return { tokens, words: [] };
}

/** `UUID -- COMMAND` is taken too. */
function withoutTerminator([uuid, second, ...rest]: readonly string[]): readonly string[] {
  const all = [uuid, second, ...rest].filter((word) => word !== undefined);

  return second === '--' ? all.toSpliced(1, 1) : all;
}
