import { redact } from '#base/errors/gantry-error';
import { shown } from './http-failure.ts';

/** How the record of a download names a place: without secrets, which change from one time to the next. */
export function recordUrl(url: URL): string {
  return redact(shown(url));
}
