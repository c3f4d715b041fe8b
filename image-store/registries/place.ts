import { scopeProblem } from '../policy/policy-scope.ts';
import { canonicalHost, isHostPart } from '../reference/oci-reference.ts';

/** A place as images are compared with it: without slashes at its end, its host as references have it. */
export function normalPlace(text: string): string {
  const [, host = '', rest = ''] = /^([^/]*)(.*?)\/*$/s.exec(text) ?? [];

  return `${canonicalHost(host)}${rest}`;
}

/** Why no image can begin with a prefix; undefined when one can. */
export function prefixProblem(place: string): string | undefined {
  return place.startsWith('*') ? scopeProblem('docker', place) : locationProblem(place);
}

/** Why nothing can lie at a location; undefined when something can. */
export function locationProblem(place: string): string | undefined {
  if (place === '') return 'must not be empty';
  if (/^\w+:\/\//.test(place)) return 'must not have a scheme: write HOST[:PORT][/NAME]';
  if (place.startsWith('*')) return 'must be a place, not a pattern';
  const [host = ''] = place.split('/');
  if (!isHostPart(host)) {
    return 'must begin with a host: one with a "." or a port, or localhost';
  }

  return scopeProblem('docker', place);
}

/** As `locationProblem`, of a registry alone. */
export function searchProblem(place: string): string | undefined {
  return place.includes('/') ? 'must be HOST[:PORT] alone' : locationProblem(place);
}
