import type { Entrypoint } from '#stage1';

/** Releases what a pod holds: fly holds nothing outside the pod's own mount namespace, which went with it. */
export const entrypoint: Entrypoint = async () => Promise.resolve(0);
