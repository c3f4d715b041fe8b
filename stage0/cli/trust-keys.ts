import {
  type KeyScope,
  type KeySource,
  leftOutText,
  nothingLeft,
  offerKeys,
  takeOffers,
} from '#image-store';
import { openKeys } from '../operations/library.ts';
import { scopeText } from './key-edit.ts';
import { demandTrust, keyTarget } from './key-review.ts';
import type { Workplace } from './workplace.ts';

/** Keys that somebody asks to trust. */
interface TrustWish {
  /** Files that came together. */
  readonly files: readonly KeySource[];
  readonly scope: KeyScope;
  readonly skipReview: boolean;
}

/**
 * Trusts the keys of files, each file after a question, and warns of those that
 * are left out for being no good. What a file takes from a key that is trusted
 * already, as a revocation does, nobody is asked about.
 * @throws GantryError KEY_REVIEW_NEEDED, KEY_NOT_ACCEPTED, TRUST_NO_PERMISSION; what is wrong with the keys when none is left
 */
export async function trustKeys(
  workplace: Workplace,
  { files, scope, skipReview }: TrustWish,
): Promise<void> {
  const { context, globals } = workplace;
  const { log } = context;
  const { roots } = openKeys(context);
  const { offers, leftOut } = await offerKeys(files, { place: { roots, scope } });
  if (offers.length === 0) throw nothingLeft(leftOut);
  for (const left of leftOut) log.warning(leftOutText(left));

  await takeOffers(offers, {
    roots,
    scope,
    accept: async ({ source, keys }) => {
      const byTransport = globals.trustKeysFromHttps && source.startsWith('https:');
      if (!skipReview && !byTransport) {
        await demandTrust(workplace, { ...keyTarget(scope), source, keys });
      }
      return true;
    },
    onTaken: ({ path, outcome, key }) => {
      log.info(`key ${key.fingerprint} for ${scopeText(scope)} ${outcome} at "${path}"`);
      if (key.problem !== undefined) log.warning(key.problem.message);
    },
  });
}
