import { existsSync } from 'node:fs';
import type { OperationContext } from '../../operations/context.ts';
import { openLibrary, storeDir } from '../../operations/library.ts';
import { listPods } from '../../operations/list.ts';
import { allows } from '../../pod/pod-state.ts';
import { shownName } from '../image-argument.ts';
import { formatBytes } from '../units.ts';
import type { Holdings, Proposal } from './propose.ts';

/** The pods and images below a data directory, for completion. What nobody may look at is not offered. */
export function holdingsOf(context: OperationContext): Holdings {
  const all = (): ReturnType<typeof listPods>['pods'] => listPods(context).pods;

  return {
    pods: (action) =>
      all()
        .filter(({ state }) => action === undefined || allows({ name: state }, action))
        .map(({ uuid, name, state, apps }) => ({
          name,
          id: uuid,
          about: [state, ...apps.map((app) => app.name)].join(' '),
        })),
    podNames: () => unique(all().flatMap(({ name }) => name ?? [])),
    apps: () => unique(all().flatMap(({ apps }) => apps.map(({ name }) => name))),
    images: () => imagesIn(context),
  };
}

function unique(words: readonly string[]): readonly Proposal[] {
  return [...new Set(words)].map((word) => ({ word, about: '' }));
}

function imagesIn(context: OperationContext): ReturnType<Holdings['images']> {
  if (!existsSync(storeDir(context.dataDir))) return [];

  using library = openLibrary(context);
  return library.store.list().map((record) => ({
    name: shownName(record),
    id: record.key.slice(0, SHORT_KEY),
    about: formatBytes(record.size + record.treeSize),
  }));
}

/** What `image list` shows of a key. */
const SHORT_KEY = 'sha512-'.length + 12;
