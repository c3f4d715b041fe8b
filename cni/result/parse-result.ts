import { isIP } from 'node:net';
import * as v from 'valibot';
import { decodeValue } from '#base/decode/decode';
import { GantryError } from '#base/errors/gantry-error';
import { isJsonObject, type JsonObject } from '../config/json.ts';
import type { CniVersion } from '../version/cni-version.ts';
import { isAddress, isCidr } from './address.ts';
import { type CniResult, EMPTY_RESULT, type ResultDns, resultFormOf } from './result.ts';

/** How many items a list of a result may have; a bridge with a thousand addresses is none we know. */
const LIST_LIMIT = 10_000;

/** Results are shown in messages and tables, and written into /etc/resolv.conf: no control characters. */
const text = v.pipe(
  v.string('must be a string'),
  v.maxLength(4096, 'is too long'),
  v.check((value) => !/\p{Cc}/u.test(value), 'has control characters'),
);
const word = v.pipe(
  text,
  v.check((value) => /^\S+$/.test(value), 'must be one word'),
);
const address = v.pipe(text, v.check(isAddress, 'must be an IP address'));
const cidr = v.pipe(text, v.check(isCidr, 'must be an IP address with its prefix length'));
const nameserver = v.pipe(
  text,
  v.check((value) => isIP(value) !== 0, 'must be an IP address'),
);
const whole = v.pipe(
  v.number('must be a number'),
  v.check((value) => Number.isSafeInteger(value) && value >= 0, 'must be whole and not negative'),
);

/** Go writes an absent value, and an empty list, as null; an absent address as an empty string. */
const maybeText = maybe(text);
const maybeAddress = v.pipe(
  v.nullish(text),
  v.transform((value) => (value === '' ? undefined : value)),
  v.nullish(address),
);

const dns = v.nullish(
  objectOf({
    nameservers: listOf(nameserver),
    domain: maybeText,
    search: listOf(word),
    options: listOf(word),
  }),
);

const routes = listOf(
  objectOf({
    dst: cidr,
    gw: maybeAddress,
    mtu: maybe(whole),
    advmss: maybe(whole),
    priority: maybe(whole),
    table: maybe(whole),
    scope: maybe(whole),
  }),
);

const addresses = v.pipe(
  v.array(
    objectOf({ address: cidr, gateway: maybeAddress, interface: maybe(whole) }),
    'must be a list',
  ),
  v.maxLength(LIST_LIMIT, 'is too long'),
);

const modern = v.object({
  interfaces: listOf(
    objectOf({
      name: text,
      mac: maybeText,
      mtu: maybe(whole),
      sandbox: maybeText,
      socketPath: maybeText,
      pciID: maybeText,
    }),
  ),
  ips: v.nullish(addresses),
  // So spec 0.3.0 spells the list; 0.3.1 set it right.
  ip: v.nullish(v.unknown()),
  routes,
  dns,
});

const family = v.nullish(objectOf({ ip: cidr, gateway: maybeAddress, routes }));
const legacy = v.object({ ip4: family, ip6: family, dns });

/** Whose result is read, for errors. */
export interface ResultOrigin {
  /** `the result of the plugin "ptp"`. */
  readonly what: string;
  readonly code: string;
}

/**
 * Reads a result of any version.
 * @param version the version in whose form it is
 * @throws GantryError with `origin.code`, naming the place inside the result
 */
export function parseResult(
  value: JsonObject,
  version: CniVersion,
  origin: ResultOrigin,
): CniResult {
  return resultFormOf(version) === 'families'
    ? readLegacy(value, origin)
    : readModern(value, version, origin);
}

function readLegacy(value: JsonObject, origin: ResultOrigin): CniResult {
  const read = decodeValue(legacy, value, origin);
  const families = [read.ip4, read.ip6].filter((given) => given !== null && given !== undefined);

  return {
    interfaces: [],
    ips: families.map(({ ip, gateway }) => compact({ address: ip, gateway })),
    routes: families.flatMap((given) => given.routes.map(compact)),
    dns: readDns(read.dns),
  };
}

function readModern(value: JsonObject, version: CniVersion, origin: ResultOrigin): CniResult {
  const read = decodeValue(modern, value, origin);
  const misspelled = version === '0.3.0' && Array.isArray(read.ip) ? read.ip : [];
  const ips = read.ips ?? decodeValue(addresses, misspelled, origin);
  const lost = ips.findIndex((ip) => (ip.interface ?? -1) >= read.interfaces.length);
  if (lost >= 0) {
    throw new GantryError(
      origin.code,
      `cannot read ${origin.what}: ips[${lost}].interface: there is no such interface`,
    );
  }

  return {
    interfaces: read.interfaces.map(compact),
    ips: ips.map(compact),
    routes: read.routes.map(compact),
    dns: readDns(read.dns),
  };
}

function readDns(read: v.InferOutput<typeof dns>): ResultDns {
  return read === null || read === undefined ? EMPTY_RESULT.dns : compact(read);
}

/** An object less the fields that are null, undefined or the empty string, which say nothing. */
function compact<Fields extends object>(fields: Fields): Compact<Fields> {
  const entries = Object.entries(fields).filter(
    ([, value]) => value !== null && value !== undefined && value !== '',
  );

  return Object.fromEntries(entries) as Compact<Fields>;
}

type Compact<Fields> = {
  [Key in keyof Fields as null extends Fields[Key]
    ? never
    : undefined extends Fields[Key]
      ? never
      : Key]: Fields[Key];
} & {
  [Key in keyof Fields as null extends Fields[Key]
    ? Key
    : undefined extends Fields[Key]
      ? Key
      : never]?: NonNullable<Fields[Key]>;
};

function maybe<Schema extends v.GenericSchema>(schema: Schema): v.NullishSchema<Schema, undefined> {
  return v.nullish(schema, undefined);
}

/** valibot's object takes a list for one. */
function objectOf<Entries extends v.ObjectEntries>(
  entries: Entries,
): v.GenericSchema<unknown, v.InferOutput<v.ObjectSchema<Entries, undefined>>> {
  return v.pipe(v.custom<JsonObject>(isJsonObject, 'must be an object'), v.object(entries));
}

function listOf<Schema extends v.GenericSchema>(
  item: Schema,
): v.GenericSchema<unknown, v.InferOutput<Schema>[]> {
  const list = v.pipe(v.array(item, 'must be a list'), v.maxLength(LIST_LIMIT, 'is too long'));

  return v.nullish(list, () => []);
}
