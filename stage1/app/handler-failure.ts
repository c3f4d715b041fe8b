import type { EventHandler } from '#schema/pod/pod-manifest';

/** What is said of a handler that failed, or cannot be run. @param how a sentence without its end */
export const cannotRunHandler = (handler: EventHandler['name'], app: string, how: string): string =>
  `cannot run the ${handler} handler of app "${app}": ${how}`;
