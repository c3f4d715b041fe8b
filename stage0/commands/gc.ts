import { type Command, plainCommand } from '../cli/command.ts';
import { readPeriod } from '../cli/flag-values.ts';
import { reportAll } from '../cli/report-all.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { collectGarbage } from '../operations/gc.ts';

/** `gantry gc`. */
export const command: Command = plainCommand({
  usage: '[--grace-period=DURATION] [--expire-prepared=DURATION] [--mark-only]',
  description:
    'Marks pods that have ended and pods that were never finished, and removes those whose time has come. The grace period counts from the marking.',
  options: {
    'expire-prepared': {
      kind: 'value',
      value: 'DURATION',
      fallback: '24h',
      summary: 'how long a prepared pod waits for being run',
    },
    'grace-period': {
      kind: 'value',
      value: 'DURATION',
      fallback: '30m',
      summary: 'how long a pod that has ended is kept',
    },
    'mark-only': { kind: 'flag', summary: 'remove nothing' },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const gracePeriodMs = readPeriod(options['grace-period'] ?? '30m', '--grace-period');
    const expirePreparedMs = readPeriod(options['expire-prepared'] ?? '24h', '--expire-prepared');
    const markOnly = options['mark-only'] ?? false;
    using workplace = await openWorkplace(call, globals);
    const { context } = workplace;
    const { marked, deleted } = await collectGarbage(context, {
      gracePeriodMs,
      expirePreparedMs,
      markOnly,
    });

    for (const { uuid, error } of marked) {
      if (error === undefined) context.log.info(`moving pod "${uuid}" to garbage`);
    }
    for (const { uuid, error } of deleted) {
      if (error === undefined) context.log.info(`garbage collecting pod "${uuid}"`);
    }
    const failed = [...marked, ...deleted].filter(({ error }) => error !== undefined);
    return await reportAll(workplace, failed, async ({ error }) => {
      throw error;
    });
  },
});
