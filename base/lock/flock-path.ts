/**
 * A directory as flock(1) is to be given it. That makes a file where nothing
 * is (any more), which this path never is the name of.
 */
export const flockDirectory = (path: string): string => `${path}/.`;
