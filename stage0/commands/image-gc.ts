import { type Command, plainCommand } from '../cli/command.ts';
import { readPeriod } from '../cli/flag-values.ts';
import { formatBytes } from '../cli/units.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { giveToLaterGroup } from '../operations/gc.ts';
import { openLibrary } from '../operations/library.ts';
import { imagesInUse } from '../pod/used-images.ts';

/** `gantry image gc`. */
export const command: Command = plainCommand({
  usage: '[--grace-period=DURATION]',
  description:
    'Removes images and rendered trees that no pod uses and that were not used for a while. Pods that are prepared or have ended use theirs.',
  options: {
    'grace-period': {
      kind: 'value',
      value: 'DURATION',
      fallback: '24h',
      summary: 'keep what was used within this time',
    },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const graceMs = readPeriod(options['grace-period'] ?? '24h', '--grace-period');
    using workplace = await openWorkplace(call, globals);
    using library = openLibrary(workplace.context);
    const { dataDir, log } = workplace.context;
    giveToLaterGroup(workplace.context);
    const inUse = imagesInUse(dataDir);
    const { images, trees, freedBytes } = await library.store.gc({ graceMs, inUse });

    for (const key of images) call.output.write(`successfully removed aci for image: "${key}"\n`);
    for (const id of trees) call.output.write(`successfully removed tree: "${id}"\n`);
    log.info(
      `${images.length} images and ${trees.length} trees removed, ${formatBytes(freedBytes)} freed`,
    );

    return 0;
  },
});
