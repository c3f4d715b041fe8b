import type { AcName } from '#schema/types/names';
import { appUnitName } from '#stage1';
import { EXIT_UNIT, socketsName } from './names.ts';
import { plainValue } from './quote.ts';
import { BARE, ROOT_SLICE, type Unit } from './unit.ts';

/** A socket that an app is started with. */
export interface UnitSocket {
  readonly kind: 'Stream' | 'Datagram' | 'SequentialPacket';
  readonly address: string;
  readonly passed: boolean;
}

/** What holds an app's sockets: one unit for all of them, for only within it do they keep their order. */
export function socketsUnit(app: AcName, sockets: readonly UnitSocket[]): Unit {
  return {
    name: socketsName(app),
    // Gone with the app, which who connects afterwards must not start again.
    unit: [BARE, ['StopWhenUnneeded', 'yes'], ['Before', EXIT_UNIT]],
    socket: [
      ROOT_SLICE,
      ['BindIPv6Only', 'both'],
      ...sockets.map(
        ({ kind, address }) => [`Listen${kind}`, plainValue(address, 'address')] as const,
      ),
      ['Service', appUnitName(app)],
      // However often an app is started again, its sockets stay.
      ['TriggerLimitIntervalSec', '0'],
    ],
  };
}

/**
 * PID 1 looks at what it was handed before it loads any unit but those that are
 * always there, and what these mention: so the root slice mentions the sockets.
 */
export function mentionSockets(apps: readonly AcName[]): Unit {
  return { name: '-.slice', unit: [['Before', apps.map(socketsName).join(' ')]] };
}
