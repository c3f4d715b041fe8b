import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import type { AcIdentifier } from '#schema/types/names';
import { isIssuer, type LeftOut, leftOutText, offerKeys, takeOffers } from '../trust/index.ts';
import type { Verifier } from '../trust/trust-types.ts';
import { findKeys } from './find-keys.ts';
import type { FoundKeys } from './request.ts';
import type { FetchSession } from './session.ts';

/**
 * Demands, before an image is fetched, that it says it is signed by a key that
 * is trusted for its name. Keys that are missing are looked for at the image's
 * own site and, with leave, trusted for exactly that name.
 * @throws GantryError with one of `TrustRefusal`
 */
export async function demandKnownIssuer(
  session: FetchSession,
  verifier: Verifier,
  name: AcIdentifier,
): Promise<void> {
  const { trust } = session.context;
  try {
    await verifier.checkIssuers(trust, name);
  } catch (error) {
    if (!isUnknown(error)) throw error;
    const leftOut = await session.questions(async () => await addKeys(session, name));
    await verifier.checkIssuers(trust, name).catch((again: unknown) => {
      const signer = leftOut.find(({ key }) => key && isIssuer(key, verifier.issuers));
      throw isUnknown(again) && signer !== undefined ? signer.error : again;
    });
  }
}

const isUnknown = (error: unknown): boolean =>
  isGantryError(error, 'KEY_UNKNOWN', 'KEY_WRONG_SCOPE');

/**
 * Trusts what keys the site of an image names, where there is leave to, and
 * takes over what it says against those that are trusted for the name already.
 * @returns those that cannot be trusted
 */
async function addKeys(session: FetchSession, name: AcIdentifier): Promise<readonly LeftOut[]> {
  const { acceptKey, trustKeysFromHttps = false, log, trust } = session.context;
  if (acceptKey === undefined && !trustKeysFromHttps) return [];

  const place = { roots: trust.roots, scope: name };
  const files = (await keysOfSite(session, name)).map(({ url, data }) => ({ source: url, data }));
  const { offers, leftOut } = await offerKeys(files, { place, now: session.now });
  for (const left of leftOut) session.warn(leftOutText(left));

  await takeOffers(offers, {
    ...place,
    now: session.now,
    accept: async ({ source: url, keys }) =>
      (trustKeysFromHttps && url.startsWith('https:')) ||
      (await acceptKey?.({ prefix: name, url, keys })) === true,
    onTaken: ({ key: { fingerprint, problem } }, { source: url }) => {
      if (problem !== undefined) session.warn(problem.message);
      else log.info(`key ${fingerprint} from ${url} is now trusted for "${name}"`);
    },
  });

  return leftOut;
}

/** The keys that the site of an image names; none when it cannot be asked. */
async function keysOfSite(
  { keyClient: client, insecure, warn, context: { log } }: FetchSession,
  name: AcIdentifier,
): Promise<readonly FoundKeys[]> {
  try {
    return await findKeys({ client, log, warn, allowHttp: insecure.pubkey }, name);
  } catch (error) {
    if (!isGantryError(error)) throw error;
    log.info(`no keys found for "${name}": ${errorMessage(error)}`);
    return [];
  }
}
