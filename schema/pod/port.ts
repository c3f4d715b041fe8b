import { isIP } from 'node:net';
import * as v from 'valibot';
import { type Decoder, fieldStep, withCheck } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import type { AcName } from '../types/names.ts';
import { acName, boolean, cWord, integer, portNumber, textWhere } from '../types/scalars.ts';

/** A port, or several in a row, on which an app listens. */
export interface Port {
  readonly name: AcName;
  /** Usually `tcp` or `udp`; any word. */
  readonly protocol: string;
  readonly port: number;
  /** How many ports from `port` on; 1 when absent. */
  readonly count?: number | undefined;
  readonly socketActivated?: boolean | undefined;
}

/** A port of the host that leads to a port of the pod. */
export interface ExposedPort {
  /** The app's port; found by this name unless `podPort` tells it. */
  readonly name: AcName;
  readonly hostPort: number;
  /** Of either family (the specification knows IPv4 only); every address of the host when absent. */
  readonly hostIP?: string | undefined;
  readonly podPort?: Port | undefined;
}

const LAST_PORT = 65_535;

export const port: Decoder<Port> = withCheck(
  objectOf<Port>({
    fields: {
      name: acName,
      protocol: cWord,
      port: portNumber,
      // Go writes 0 for a count that was not set.
      count: v.pipe(
        integer(0, LAST_PORT),
        v.transform((given) => (given === 0 ? undefined : given)),
      ),
      socketActivated: boolean,
    },
    required: { name: true, protocol: true, port: true },
  }),
  (given, report) => {
    const last = given.port + (given.count ?? 1) - 1;
    if (last > LAST_PORT) {
      report(
        `makes the last port ${last}, which is more than ${LAST_PORT}`,
        fieldStep(given, 'count'),
      );
    }
  },
);

export const exposedPort: Decoder<ExposedPort> = objectOf<ExposedPort>({
  fields: {
    name: acName,
    hostPort: portNumber,
    hostIP: v.pipe(
      textWhere<string>((given) => given === '' || isIP(given) !== 0, 'an IP address'),
      v.transform((given) => (given === '' ? undefined : given)),
    ),
    podPort: port,
  },
  required: { name: true, hostPort: true },
});
