import { type Command, plainCommand } from '../cli/command.ts';
import { readPatience } from '../cli/flag-values.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { networksText } from '../cli/networks-text.ts';
import { podJson } from '../cli/pod-json.ts';
import { printable } from '../cli/printable.ts';
import { formatTime } from '../cli/units.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { podStatus } from '../operations/list.ts';
import type { AppStatus, PodStatus } from '../operations/outcomes.ts';
import { waitForEnd } from '../operations/wait-for-end.ts';
import { waitUntilReady } from '../operations/wait-until-ready.ts';
import { ENDED_STATES } from '../pod/pod-state.ts';

/** `gantry status UUID`. */
export const command: Command = plainCommand({
  usage:
    '[--wait[=DURATION] | --wait-ready[=DURATION]] [--format=…] UUID\n[--wait[=DURATION] | --wait-ready[=DURATION]] [--format=…] --uuid-file=FILE',
  description: [
    'Prints the state of a pod and, when it has ended, how its apps did: the exit status, and why; of one that is broken what is wrong with it. Under the fly flavor only the caller of "gantry run" sees how its app did, and of one whose pod was killed as a whole nobody does; it is "unknown" here.',
    'A pod is ready when all its apps have started, and those that say when they are ready have said so.',
  ].join('\n'),
  operands: ['pod'],
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of lines' },
    ...UUID_FILE_OPTION,
    wait: {
      kind: 'optional',
      value: 'DURATION',
      bare: 'true',
      summary: 'wait until the pod has ended, for ever or for a time',
    },
    'wait-ready': {
      kind: 'optional',
      value: 'DURATION',
      bare: 'true',
      summary: 'wait until the pod is ready, for ever or for a time; fails if it ends before',
    },
  },
  words: { min: 0, max: 1 },

  async run({ call, globals, options, words }) {
    const format = readFormat(options.format);
    const endTimeoutMs = readWait(options.wait);
    const readyTimeoutMs = readWait(options['wait-ready']);
    if (endTimeoutMs !== undefined && readyTimeoutMs !== undefined) {
      throw usageError('flags --wait and --wait-ready exclude each other');
    }
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    const uuid = findOnePod(workplace, words, options['uuid-file']);
    if (endTimeoutMs !== undefined) await waitForEnd(context, uuid, { timeoutMs: endTimeoutMs });
    if (readyTimeoutMs !== undefined) {
      await waitUntilReady(context, uuid, { timeoutMs: readyTimeoutMs });
    }

    const status = podStatus(context, uuid);
    call.output.write(
      format === 'text'
        ? statusLines(status)
        : formatJson(podJson(status), { pretty: format === 'json-pretty' }),
    );
    return 0;
  },
});

/** @returns milliseconds, infinite for ever; undefined for not at all */
function readWait(text: string | undefined): number | undefined {
  if (text === undefined || text === 'false') return undefined;

  return text === 'true' ? Number.POSITIVE_INFINITY : readPatience(text);
}

/** `name=value` lines, as rkt printed them, then what it did not know. */
function statusLines(pod: PodStatus): string {
  const ended = ENDED_STATES.includes(pod.state);
  const lines = [
    `state=${pod.state}`,
    ...(pod.name === undefined ? [] : [`name=${pod.name}`]),
    ...(pod.createdAt === undefined ? [] : [`created=${formatTime(pod.createdAt)}`]),
    ...(pod.startedAt === undefined ? [] : [`started=${formatTime(pod.startedAt)}`]),
    ...(pod.state === 'running' || ended ? [`networks=${networksText(pod)}`] : []),
    ...(pod.pid === undefined ? [] : [`pid=${pod.pid}`]),
    ...(pod.state === 'running' || ended ? [`exited=${ended}`] : []),
    ...(ended ? exitCodeLines(pod) : []),
    ...pod.apps.flatMap(appLines),
    ...(pod.problem === undefined ? [] : [`problem=${pod.problem}`]),
  ];

  return `${lines.map(printable).join('\n')}\n`;
}

/** Of an app whose end nobody saw it is said that nobody knows. */
const exitCodeLines = ({ apps }: PodStatus): readonly string[] =>
  apps.map(({ name, exitCode }) => `app-${name}=${exitCode ?? 'unknown'}`);

/** What goes before the name keeps these apart from the line of an app that is called so. */
function appLines({
  name,
  reason,
  signal,
  startedAt,
  finishedAt,
  restarts,
}: AppStatus): readonly string[] {
  return [
    ...(startedAt === undefined ? [] : [`started-${name}=${formatTime(startedAt)}`]),
    ...(finishedAt === undefined ? [] : [`finished-${name}=${formatTime(finishedAt)}`]),
    ...(reason === undefined ? [] : [`reason-${name}=${reason}`]),
    ...(signal === undefined ? [] : [`signal-${name}=SIG${signal}`]),
    ...(restarts === 0 ? [] : [`restarts-${name}=${restarts}`]),
  ];
}
