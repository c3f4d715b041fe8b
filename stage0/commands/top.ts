import { deadlineIn } from '#base/time/deadline';
import type { PodUuid } from '#schema/types/pod-uuid';
import { type Command, plainCommand } from '../cli/command.ts';
import { readPeriod } from '../cli/flag-values.ts';
import { formatJson, readFormat } from '../cli/json.ts';
import { canShowLive, type LiveScreen, openLiveScreen } from '../cli/live-screen.ts';
import { readSelectors, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { formatTable } from '../cli/table.ts';
import { topJson, topRows } from '../cli/top-table.ts';
import { loadsOf, type PodLoad, sortLoads, TOP_ORDERS, type TopOrder } from '../cli/top-view.ts';
import { usageError } from '../cli/usage-error.ts';
import { openWorkplace } from '../cli/workplace.ts';
import type { OperationContext } from '../operations/context.ts';
import { findPod } from '../operations/list.ts';
import { demandMeasurable, measurePods } from '../operations/measure-pods.ts';

const INTERVAL = '2s';
/** Over which a first look measures: nobody waits longer for a table. */
const FIRST_LOOK_MS = 500;

/** `gantry top`. */
export const command: Command = plainCommand({
  usage: '[--once] [--interval=DURATION] [--sort=…] [--format=…] [UUID…]\n[FLAGS] --uuid-file=FILE',
  description: [
    'Shows what running pods and their apps use, all of them or those that are named: of CPU (100% is one processor), time of processors since the start, memory, number of processes, bytes that go from and to disks each second. The row of a pod counts what serves its apps as well.',
    'On a terminal it goes on until "q" is pressed, or the pods that are named have ended; c, m, p and i sort by CPU, memory, processes and IO. Elsewhere it prints one table.',
    '"-" stands for what the kernel does not count, or does not tell this user.',
  ].join('\n'),
  operands: ['pods'],
  action: 'measure',
  options: {
    format: { kind: 'value', value: 'json|json-pretty', summary: 'print JSON, once' },
    full: { kind: 'flag', summary: 'print whole UUIDs and exact numbers of bytes' },
    interval: {
      kind: 'value',
      value: 'DURATION',
      fallback: INTERVAL,
      summary:
        'how often it measures; what is printed once is measured for so long, half a second unless told',
    },
    'no-legend': { kind: 'flag', summary: 'leave out the headings' },
    once: { kind: 'flag', summary: 'print one table, on a terminal too' },
    sort: {
      kind: 'value',
      value: 'ORDER',
      fallback: 'cpu',
      choices: TOP_ORDERS,
      summary: 'the greediest first: cpu, memory, processes or io',
    },
    ...UUID_FILE_OPTION,
  },

  async run({ call, globals, options, words }) {
    const format = readFormat(options.format);
    const order = readOrder(options.sort ?? 'cpu');
    const intervalMs = readInterval(options.interval ?? INTERVAL);
    const style = { full: options.full ?? false, legend: options['no-legend'] !== true };
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    const uuids = pods(context, words, options['uuid-file']);
    const watch: Watch = { context, uuids, order, intervalMs, style };
    if (format === 'text' && options.once !== true && canShowLive(context.env['TERM'])) {
      return await goOn(watch);
    }

    const measuredMs = options.interval === undefined ? FIRST_LOOK_MS : intervalMs;
    const loads = await lookOnce({ ...watch, intervalMs: measuredMs });
    call.output.write(
      format === 'text'
        ? formatTable(topRows(loads, style))
        : formatJson(loads.map(topJson), { pretty: format === 'json-pretty' }),
    );
    return 0;
  },
});

interface Watch {
  readonly context: OperationContext;
  /** All that run when it is undefined. */
  readonly uuids: readonly PodUuid[] | undefined;
  readonly order: TopOrder;
  readonly intervalMs: number;
  readonly style: { readonly full: boolean; readonly legend: boolean };
}

/** @throws GantryError POD_STATE for one that does not run */
function pods(
  context: OperationContext,
  words: readonly string[],
  uuidFile: string | undefined,
): readonly PodUuid[] | undefined {
  if (words.length === 0 && uuidFile === undefined) return undefined;
  const uuids = readSelectors(words, uuidFile).map((selector) => findPod(context, selector));
  demandMeasurable(context, uuids);

  return [...new Set(uuids)];
}

async function lookOnce({ context, uuids, order, intervalMs }: Watch): Promise<readonly PodLoad[]> {
  const before = measurePods(context, uuids);
  await new Promise((resolve) => setTimeout(resolve, intervalMs));

  return sortLoads(loadsOf(before, measurePods(context, uuids)), order);
}

const QUIT = ['q', 'Q', '\x03', '\x04'];
const KEYS: Readonly<Record<string, TopOrder>> = { c: 'cpu', m: 'memory', p: 'processes', i: 'io' };

async function goOn(watch: Watch): Promise<number> {
  using screen = openLiveScreen();
  const { context, uuids, intervalMs } = watch;
  let { order } = watch;
  let shown: readonly PodLoad[] = [];
  let before = measurePods(context, uuids);
  for (let waitMs = Math.min(FIRST_LOOK_MS, intervalMs); ; waitMs = intervalMs) {
    const deadline = deadlineIn(waitMs);
    while (!deadline.passed()) {
      const key = await screen.key(deadline.left());
      if (key !== undefined && QUIT.includes(key)) return 0;
      order = KEYS[key ?? ''] ?? order;
      if (!deadline.passed()) show(screen, { ...watch, order }, shown);
    }

    const after = measurePods(context, uuids);
    if (uuids !== undefined && after.pods.length === 0) return 0;
    shown = loadsOf(before, after);
    before = after;
    show(screen, { ...watch, order }, shown);
  }
}

function show(screen: LiveScreen, { order, style }: Watch, loads: readonly PodLoad[]): void {
  const time = new Date().toLocaleTimeString('en-GB');
  const count = loads.length === 1 ? '1 pod' : `${loads.length} pods`;
  const table = formatTable(topRows(sortLoads(loads, order), style));
  const head = `gantry top  ${time}  ${count}, by ${order}; c m p i: sort, q: quit`;

  screen.show([head, ...table.split('\n').slice(0, -1)]);
}

function readOrder(text: string): TopOrder {
  const order = TOP_ORDERS.find((one) => one === text);
  if (order !== undefined) return order;

  throw usageError(
    `cannot read --sort: unknown order "${text}"`,
    `orders are ${TOP_ORDERS.join(', ')}`,
  );
}

/** The shortest interval over which counts by ticks of 10 ms say something. */
const SHORTEST_MS = 100;

function readInterval(text: string): number {
  const period = readPeriod(text, '--interval');
  if (period >= SHORTEST_MS) return period;

  throw usageError(`cannot read --interval: "${text}" is less than ${SHORTEST_MS}ms`);
}
