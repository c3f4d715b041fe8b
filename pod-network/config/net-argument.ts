import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';

/** A network by name, with what is said to its plugins as `CNI_ARGS`. */
export interface WantedNetwork {
  readonly name: string;
  readonly args: readonly (readonly [key: string, value: string])[];
  /** As they were written. */
  readonly argsText: string;
}

/** What `--net` asks for. */
export type WantedNetworks =
  /** The caller's. */
  | { readonly kind: 'host' }
  /** One of the pod's own with nothing but loopback. */
  | { readonly kind: 'none' }
  /** `all`: every network that is configured, those named among them. */
  | { readonly kind: 'cni'; readonly all: boolean; readonly named: readonly WantedNetwork[] };

/** What is joined when nothing is said. */
const DEFAULT_NETWORK = 'default';

/**
 * Reads `--net` as stage 0 hands it on: `NAME[:KEY=VALUE;…]`, comma-separated
 * (fact sheet 5.1). `host` wins over all others, then `none`.
 * @throws GantryError NETWORK_ARGUMENT_INVALID
 */
export function parseNetArgument(text: string): WantedNetworks {
  const items = (text === '' ? DEFAULT_NETWORK : text).split(',').map(parseItem);
  const names = items.map(({ name }) => name);
  if (names.includes('host')) return { kind: 'host' };
  if (names.includes('none')) return { kind: 'none' };
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw invalid(`${quoted(twice)} is there twice`);

  return {
    kind: 'cni',
    all: names.includes('all'),
    named: items.filter(({ name }) => name !== 'all'),
  };
}

function parseItem(item: string): WantedNetwork {
  const at = item.indexOf(':');
  const name = at < 0 ? item : item.slice(0, at);
  const argsText = at < 0 ? '' : item.slice(at + 1);
  if (name === '') throw invalid('there is one without a name');

  return { name, argsText, args: argsText === '' ? [] : argsText.split(';').map(parsePair) };
}

function parsePair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  if (at < 1) throw invalid(`${quoted(text)} is not KEY=VALUE`);

  return [text.slice(0, at), text.slice(at + 1)];
}

function invalid(state: string): GantryError {
  return new GantryError('NETWORK_ARGUMENT_INVALID', `cannot read the list of networks: ${state}`);
}
