import { usageError } from './usage-error.ts';

/** No network of the pod's own, of which there is nothing to be added to. */
const ALONE: readonly string[] = ['host', 'none'];

/**
 * Reads every `--net` into its items (fact sheet 5.1): `NAME` or `NAME:K=V;K=V`.
 * @returns undefined when the flag was not given
 * @throws GantryError BAD_USAGE
 */
export function readNetworks(texts: readonly string[]): readonly string[] | undefined {
  if (texts.length === 0) return undefined;

  const items = texts.flatMap((text) => text.split(','));
  const names = items.map(networkName);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw usageError(`cannot read --net: "${twice}" is given twice`);
  const alone = names.length > 1 ? names.find((name) => ALONE.includes(name)) : undefined;
  if (alone !== undefined) throw usageError(`cannot read --net: "${alone}" must be alone`);

  return items;
}

function networkName(item: string): string {
  const at = item.indexOf(':');
  const name = at < 0 ? item : item.slice(0, at);
  if (name === '') throw usageError('cannot read --net: a network without a name');
  if (at >= 0) {
    if (['all', 'host', 'none'].includes(name)) {
      throw usageError(`cannot read --net: "${name}" takes no arguments`);
    }
    const wrong = item
      .slice(at + 1)
      .split(';')
      .find((pair) => !/^[^=]+=/.test(pair));
    if (wrong !== undefined) {
      throw usageError(`cannot read --net: "${wrong}" of "${name}" is not KEY=VALUE`);
    }
  }

  return name;
}
