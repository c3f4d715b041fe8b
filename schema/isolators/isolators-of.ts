import { decodeValue } from '#base/decode/decode';
import { parseAcIdentifier } from '../types/names.ts';
import { quoted } from '#base/errors/quoted';
import type { Isolator } from './isolator.ts';
import { isolator, isolatorList } from './isolator-list.ts';
import { isolatorRule, type IsolatorScope, type IsolatorValues } from './rules.ts';

export type { IsolatorScope, IsolatorValues } from './rules.ts';

/** The meaning of a list of isolators. */
export interface IsolatorView {
  readonly values: IsolatorValues;
  /** A line for the user for every isolator that has no meaning here (appc: what is ignored must be told). */
  readonly warnings: readonly string[];
}

/** An app, or anything else with isolators. */
interface Isolated {
  readonly isolators?: readonly Isolator[] | undefined;
}

/**
 * What the isolators of an app mean, or of a pod.
 * @throws GantryError ISOLATOR_INVALID when the list did not come from a parsed manifest and is wrong
 */
export function isolatorsOf(
  { isolators = [] }: Isolated,
  scope: IsolatorScope = 'app',
): IsolatorView {
  const values: IsolatorValues = {};
  const warnings: string[] = [];
  const options = {
    what: `isolators of ${scope === 'app' ? 'an app' : 'a pod'}`,
    code: 'ISOLATOR_INVALID',
  } as const;

  for (const { name, value } of decodeValue(isolatorList, isolators, options)) {
    const rule = isolatorRule(name);
    if (rule === undefined) {
      warnings.push(`isolator ${quoted(name)} is ignored: it is not known`);
    } else if (!rule.scopes.includes(scope)) {
      warnings.push(
        `isolator ${quoted(name)} is ignored: it has no meaning for ${scope === 'app' ? 'an app' : 'a pod'}`,
      );
    } else {
      Object.assign(values, decodeValue(rule.decoder, value, options));
    }
  }

  return { values, warnings };
}

/**
 * Makes an isolator of a value that somebody gave, `{ set: ['CAP_KILL'] }` say.
 * @throws GantryError ISOLATOR_INVALID when the name is not known or the value is wrong
 */
export function makeIsolator(name: string, value: unknown): Isolator {
  return decodeValue(
    isolator,
    { name: parseAcIdentifier(name), value },
    { what: `isolator ${quoted(name)}`, code: 'ISOLATOR_INVALID' },
  );
}
