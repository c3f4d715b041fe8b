import type { Log } from '#base/log/log';
import { askInOrder, type Question } from '../fetch/ask-in-order.ts';
import type { Repository } from './registry-client.ts';

/** A repository and what it is called: `HOST/NAME`. */
export interface NamedRepository {
  readonly name: string;
  readonly repository: Repository;
}

/**
 * Several repositories as one: each question goes to them in their order, until
 * one can answer it. Whoever has given a manifest is from then on the first.
 * What lies beside an image, as its signatures do, may be at a later one only.
 */
export function severalRepositories(
  all: readonly NamedRepository[],
  { what, log }: { readonly what: string; readonly log: Log },
): Repository {
  let places = all;
  const inOrder = async <Answer>(
    ask: (repository: Repository, place: NamedRepository) => Promise<Answer>,
    isEnough?: Question<NamedRepository, Answer>['isEnough'],
  ): Promise<Answer> =>
    await askInOrder({
      what,
      places,
      ask: async (place) => await ask(place.repository, place),
      ...(isEnough === undefined ? {} : { isEnough }),
      tell: ({ name }, { message }) => log.debug(`not from "${name}": ${message}`),
    });

  return {
    manifest: async (reference) =>
      await inOrder(async (repository, place) => {
        const found = await repository.manifest(reference);
        places = places.slice(places.indexOf(place));
        log.debug(`${what} comes from "${place.name}"`);
        return found;
      }),
    findManifest: async (reference) =>
      await inOrder(
        async (repository) => await repository.findManifest(reference),
        (found) => found !== undefined,
      ),
    referrers: async (digest) =>
      await inOrder(
        async (repository) => await repository.referrers(digest),
        ({ length }) => length > 0,
      ),
    read: async (descriptor) =>
      await inOrder(async (repository) => await repository.read(descriptor)),
    blob: async (descriptor) =>
      await inOrder(async (repository) => await repository.blob(descriptor)),
  };
}
