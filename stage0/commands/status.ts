import { parseDuration } from '#base/time/duration';
import { type Command, plainCommand } from '../cli/command.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { podJson } from '../cli/pod-json.ts';
import { printable } from '../cli/table.ts';
import { formatTime } from '../cli/units.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { podStatus } from '../operations/list.ts';
import type { PodStatus } from '../operations/outcomes.ts';
import { waitForEnd } from '../operations/wait-for-end.ts';

/** `gantry status UUID`. */
export const command: Command = plainCommand({
  usage: '[--wait[=DURATION]] [--format=…] UUID\n[--wait[=DURATION]] [--format=…] --uuid-file=FILE',
  description:
    'Prints the state of a pod and, when it has ended, how its apps did. Under the fly flavor only the caller of "gantry run" sees that; it is "unknown" here.',
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON in place of lines' },
    ...UUID_FILE_OPTION,
    wait: {
      kind: 'optional',
      value: 'DURATION',
      bare: 'true',
      summary: 'wait until the pod has ended, for ever or for a time',
    },
  },
  words: { min: 0, max: 1 },

  async run({ call, globals, options, words }) {
    const format = readFormat(options.format);
    const timeoutMs = readWait(options.wait);
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    const uuid = findOnePod(workplace, words, options['uuid-file']);
    if (timeoutMs !== undefined) await waitForEnd(context, uuid, { timeoutMs });

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
  if (text === 'true') return Number.POSITIVE_INFINITY;
  const timeoutMs = parseDuration(text);

  return timeoutMs < 0 ? Number.POSITIVE_INFINITY : timeoutMs;
}

const ENDED: readonly string[] = ['exited', 'exited garbage', 'exited deleting'];

/** `name=value` lines, as rkt printed them. */
function statusLines(pod: PodStatus): string {
  const ended = ENDED.includes(pod.state);
  const lines = [
    `state=${pod.state}`,
    ...(pod.name === undefined ? [] : [`name=${pod.name}`]),
    ...(pod.createdAt === undefined ? [] : [`created=${formatTime(pod.createdAt)}`]),
    ...(pod.startedAt === undefined ? [] : [`started=${formatTime(pod.startedAt)}`]),
    ...(pod.state === 'running' || ended ? ['networks='] : []),
    ...(pod.pid === undefined ? [] : [`pid=${pod.pid}`]),
    ...(pod.state === 'running' || ended ? [`exited=${ended}`] : []),
    ...(ended ? appLines(pod) : []),
  ];

  return `${lines.map(printable).join('\n')}\n`;
}

function appLines({ apps, exitCodesUnknown }: PodStatus): readonly string[] {
  return apps.flatMap(({ name, exitCode }) => {
    if (exitCode !== undefined) return [`app-${name}=${exitCode}`];
    return exitCodesUnknown ? [`app-${name}=unknown`] : [];
  });
}
