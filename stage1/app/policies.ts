import { GantryError } from '#base/errors/gantry-error';
import type { PodManifest, RuntimeApp } from '#schema/pod/pod-manifest';
import { EXIT_POLICY_ANNOTATION, RESTART_ANNOTATION } from '../contract/annotations.ts';

/**
 * When a pod ends beside when it is stopped: at the first app that fails, or
 * when all have ended well (rkt's); when all have ended, however; when one has.
 */
export type ExitPolicy = 'any-failure' | 'all' | 'first-exit';

export const EXIT_POLICIES: readonly ExitPolicy[] = ['any-failure', 'all', 'first-exit'];

/** Whether an app is started again when it has ended. */
export type RestartPolicy =
  | { readonly when: 'no' | 'always' }
  /** Unless it ended well; so many times at most, for ever when undefined. */
  | { readonly when: 'on-failure'; readonly limit: number | undefined };

/** The most that systemd counts (StartLimitBurst=), and more than anybody waits for. */
const MAX_LIMIT = 1_000_000;

/** Reads `any-failure`, `all` or `first-exit`. @throws GantryError EXIT_POLICY_INVALID */
export function parseExitPolicy(text: string): ExitPolicy {
  const policy = EXIT_POLICIES.find((one) => one === text);
  if (policy !== undefined) return policy;

  throw new GantryError('EXIT_POLICY_INVALID', `cannot read exit policy "${text}": unknown`, {
    hint: `policies are ${EXIT_POLICIES.join(', ')}`,
  });
}

/** Reads `no`, `always`, `on-failure` or `on-failure:TIMES`. @throws GantryError RESTART_INVALID */
export function parseRestart(text: string): RestartPolicy {
  if (text === 'no' || text === 'always') return { when: text };
  const match = /^on-failure(?::([1-9]\d{0,6}))?$/.exec(text);
  const limit = match?.[1] === undefined ? undefined : Number(match[1]);
  if (match !== null && (limit ?? 0) <= MAX_LIMIT) return { when: 'on-failure', limit };

  throw new GantryError('RESTART_INVALID', `cannot read restart policy "${text}": unknown`, {
    hint: 'policies are no, on-failure, on-failure:TIMES, always',
  });
}

/** When a pod ends, as its manifest says. @throws GantryError EXIT_POLICY_INVALID */
export function exitPolicyOf({ annotations = [] }: PodManifest): ExitPolicy {
  const said = annotations.find(({ name }) => name === EXIT_POLICY_ANNOTATION)?.value;

  return said === undefined ? 'any-failure' : parseExitPolicy(said);
}

/** Whether an app is started again, as the pod's manifest says. @throws GantryError RESTART_INVALID */
export function restartOf({ annotations = [] }: RuntimeApp): RestartPolicy {
  const said = annotations.find(({ name }) => name === RESTART_ANNOTATION)?.value;

  return said === undefined ? { when: 'no' } : parseRestart(said);
}
