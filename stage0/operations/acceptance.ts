import { GantryError } from '#base/errors/gantry-error';
import {
  type Acceptance,
  holdsByPolicy,
  type ImageRecord,
  type KeyStanding,
  type Trust,
} from '#image-store';
import type { OperationContext } from './context.ts';
import { configDirs } from './library.ts';

/**
 * Looks again at how an image came to be trusted, before every run. With
 * `--insecure-options=image` it is a warning only, each time.
 * @throws GantryError IMAGE_UNTRUSTED
 */
export async function demandAccepted(
  context: OperationContext,
  trust: Trust,
  { record, insecure }: { readonly record: ImageRecord; readonly insecure: boolean },
): Promise<void> {
  const objection = await objectionTo(context, trust, record);
  if (objection === undefined) return;
  const name = record.origin?.reference ?? record.name;
  if (insecure) {
    context.log.warning(`image "${name}" ${objection}: run anyway, as told`);
    return;
  }

  throw new GantryError('IMAGE_UNTRUSTED', `cannot run image "${name}": it ${objection}`, {
    hint: 'fetch it again with a good signature, or say --insecure-options=image this time too',
  });
}

/** What speaks against an image, to follow its name; undefined when nothing does. */
async function objectionTo(
  context: OperationContext,
  trust: Trust,
  record: ImageRecord,
): Promise<string | undefined> {
  const { name, accepted } = record;
  if (accepted.how === 'builtin') return undefined;
  if (accepted.how === 'insecure') return 'was fetched without a verified signature';

  if (accepted.how === 'policy') {
    const holds = await holdsByPolicy(configDirs(context), record);
    return holds ? undefined : 'was accepted by a policy that demands something else now';
  }

  const standing = await standingOf(trust, name, accepted);
  return standing === 'trusted'
    ? undefined
    : `was signed by key ${accepted.fingerprint ?? '(unknown)'}, ${STANDINGS[standing]}`;
}

async function standingOf(
  trust: Trust,
  name: ImageRecord['name'],
  { fingerprint, signedBy }: Acceptance,
): Promise<Exclude<KeyStanding, 'unread'>> {
  if (fingerprint === undefined) return 'absent';
  const standing = trust.isTrusted({ fingerprint, name, signedBy });

  return standing === 'unread' ? await trust.examine({ fingerprint, name, signedBy }) : standing;
}

const STANDINGS: Readonly<Record<Exclude<KeyStanding, 'unread' | 'trusted'>, string>> = {
  masked: 'whose trust has been masked',
  absent: 'which is trusted no longer',
  expired: 'which has expired',
  revoked: 'which has been revoked',
};
