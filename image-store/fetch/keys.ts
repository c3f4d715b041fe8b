import { errorMessage, isGantryError } from '#base/errors/gantry-error';
import type { AcIdentifier } from '#schema/types/names';
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
    if (!isGantryError(error, 'KEY_UNKNOWN', 'KEY_WRONG_SCOPE')) throw error;
    if (!(await session.questions(async () => await addKeys(session, name)))) throw error;
    await verifier.checkIssuers(trust, name);
  }
}

/** @returns whether a key is trusted that was not before */
async function addKeys(session: FetchSession, name: AcIdentifier): Promise<boolean> {
  const { acceptKey, trustKeysFromHttps = false, log, trust } = session.context;
  if (acceptKey === undefined && !trustKeysFromHttps) return false;

  const { addTrustedKey, readPublicKeys } = await import('../trust/index.ts');
  let added = false;
  for (const found of await keysOfSite(session, name)) {
    const byTransport = trustKeysFromHttps && found.url.startsWith('https:');
    if (!byTransport && (await acceptKey?.(found)) !== true) continue;

    for (const review of await readPublicKeys(found.data, { source: found.url })) {
      await addTrustedKey(trust.roots, review, { scope: name });
      log.info(`key ${review.fingerprint} from ${found.url} is now trusted for "${name}"`);
      added = true;
    }
  }

  return added;
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
