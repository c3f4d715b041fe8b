import type { OciDigest } from '#schema/oci/digest';
import type { PolicyGrant } from '../index/image-record.ts';
import { demandAccepted, type PolicyQuestion, refuseRejected } from './decide.ts';
import { policyOf, readPolicyText } from './open-policy.ts';
import { markPolicy } from './mark-policy.ts';

/** Accepts an image once its manifest, and the index that it was found in, are known. */
export type Accept = (manifests: readonly OciDigest[]) => Promise<PolicyGrant>;

/**
 * Asks the policy of this machine about an image. What it rejects whatever is
 * signed is refused at once, before anything is asked of anybody.
 * @param configDirs lowest first
 * @returns what accepts the image, and throws as `demandAccepted`
 * @throws GantryError IMAGE_REJECTED, POLICY_INVALID
 */
export async function askPolicy(
  configDirs: readonly string[],
  question: Omit<PolicyQuestion, 'manifests'>,
): Promise<Accept> {
  const found = readPolicyText(configDirs);
  const policy = await policyOf(found, configDirs);
  refuseRejected(policy, question.image);

  return async (manifests) => {
    const { scope, signatures } = await demandAccepted(policy, { ...question, manifests });
    return { scope, signatures, ...markPolicy(policy, found?.text ?? '', question.image) };
  };
}
