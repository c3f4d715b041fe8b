import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../config/json.ts';
import { CNI_VERSIONS, type CniVersion, isAtLeast } from '../version/cni-version.ts';
import { familyOf, isAddress, isCidr } from './address.ts';
import { formatResult } from './format-result.ts';
import { parseResult } from './parse-result.ts';
import { type CniResult, EMPTY_RESULT } from './result.ts';

const origin = { what: 'the result', code: 'BAD' };
const parse = (value: JsonObject, version: CniVersion = '1.1.0'): CniResult =>
  parseResult(value, version, origin);

const whole = fc.nat(100_000);
const cidr4 = fc.tuple(fc.ipV4(), fc.nat(32)).map(([ip, bits]) => `${ip}/${bits}`);
const cidr6 = fc
  .tuple(
    fc.ipV6().filter((ip) => !ip.includes('.')),
    fc.nat(128),
  )
  .map(([ip, bits]) => `${ip}/${bits}`);
const gateway = fc.oneof(fc.ipV4(), fc.ipV6());
const word = fc.stringMatching(/^[a-z0-9.:-]{1,12}$/);
const optional = { requiredKeys: [] };

const interfaces = fc.array(
  fc.record(
    { name: word, mac: word, mtu: whole, sandbox: word, socketPath: word, pciID: word },
    { requiredKeys: ['name'] },
  ),
  { maxLength: 3 },
);

const result: fc.Arbitrary<CniResult> = interfaces.chain((made) =>
  fc.record({
    interfaces: fc.constant(made),
    ips: fc.array(
      fc.record(
        {
          address: fc.oneof(cidr4, cidr6),
          gateway,
          ...(made.length === 0 ? {} : { interface: fc.nat(made.length - 1) }),
        },
        { requiredKeys: ['address'] },
      ),
      { maxLength: 4 },
    ),
    routes: fc.array(
      fc.record(
        {
          dst: fc.oneof(cidr4, cidr6),
          gw: gateway,
          mtu: whole,
          advmss: whole,
          priority: whole,
          table: whole,
          scope: whole,
        },
        { requiredKeys: ['dst'] },
      ),
      { maxLength: 4 },
    ),
    dns: fc.record({ domain: word }, optional).chain((dns) =>
      fc.record({
        ...Object.fromEntries(Object.entries(dns).map(([key, value]) => [key, fc.constant(value)])),
        nameservers: fc.array(gateway, { maxLength: 2 }),
        search: fc.array(word, { maxLength: 2 }),
        options: fc.array(word, { maxLength: 2 }),
      }),
    ),
  }),
);
const version = fc.constantFrom(...CNI_VERSIONS);

describe('formatResult() and parseResult()', () => {
  it('give back the whole of a result in the newest version', () => {
    fc.assert(
      fc.property(result, (given) => {
        expect(parse(formatResult(given, '1.1.0'))).toEqual(given);
      }),
    );
  });

  it('lose in a version only what it has no words for, and nothing the second time', () => {
    fc.assert(
      fc.property(result, version, (given, spoken) => {
        const once = parse(formatResult(given, spoken), spoken);
        expect(parse(formatResult(once, spoken), spoken)).toEqual(once);
        expect(once.dns).toEqual(given.dns);
        if (isAtLeast(spoken, '0.3.0')) expect(once.ips).toEqual(given.ips);
      }),
    );
  });

  it('carry a result through an older version as that version alone would', () => {
    fc.assert(
      fc.property(result, version, version, (given, older, newer) => {
        fc.pre(isAtLeast(newer, older));
        const direct = parse(formatResult(given, older), older);
        const through = parse(formatResult(given, newer), newer);
        expect(parse(formatResult(through, older), older)).toEqual(direct);
      }),
    );
  });

  it('keep the first address of each family, and its routes, before 0.3.0', () => {
    fc.assert(
      fc.property(result, fc.constantFrom<CniVersion>('0.1.0', '0.2.0'), (given, old) => {
        const kept = parse(formatResult(given, old), old);
        for (const family of [4, 6] as const) {
          const first = given.ips.find(({ address }) => familyOf(address) === family);
          const found = kept.ips.filter(({ address }) => familyOf(address) === family);
          expect(found.map(({ address }) => address)).toEqual(first ? [first.address] : []);
          const routes = given.routes.filter(({ dst }) => familyOf(dst) === family);
          expect(kept.routes.filter(({ dst }) => familyOf(dst) === family)).toHaveLength(
            first ? routes.length : 0,
          );
        }
      }),
    );
  });
});

describe('parseResult()', () => {
  const old = {
    cniVersion: '0.2.0',
    ip4: { ip: '10.1.2.3/24', gateway: '10.1.2.1', routes: [{ dst: '0.0.0.0/0' }] },
    ip6: { ip: 'fd00::2/64', routes: [{ dst: '::/0', gw: 'fd00::1' }] },
    dns: { nameservers: ['10.1.2.1'], domain: 'x', search: ['x'], options: ['ndots:1'] },
  };

  it('reads the form with one address of each family', () => {
    expect(parse(old, '0.1.0')).toEqual({
      interfaces: [],
      ips: [{ address: '10.1.2.3/24', gateway: '10.1.2.1' }, { address: 'fd00::2/64' }],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0', gw: 'fd00::1' }],
      dns: old.dns,
    });
  });

  it('writes that form', () => {
    expect(formatResult(parse(old, '0.2.0'), '0.2.0')).toEqual({
      ...old,
      cniVersion: '0.2.0',
    });
  });

  it('writes the family beside each address from 0.3.0 to 0.4.0', () => {
    const { ips } = formatResult(parse(old, '0.2.0'), '0.4.0') as { ips: unknown };

    expect(ips).toEqual([
      { version: '4', address: '10.1.2.3/24', gateway: '10.1.2.1' },
      { version: '6', address: 'fd00::2/64' },
    ]);
  });

  it('takes null, and an empty gateway, for nothing, as Go writes them', () => {
    const written = {
      interfaces: null,
      ips: [{ address: '10.0.0.1/8', gateway: '', interface: null }],
      routes: null,
      dns: { nameservers: null, domain: '' },
    };

    expect(parse(written)).toEqual({ ...EMPTY_RESULT, ips: [{ address: '10.0.0.1/8' }] });
    expect(parse({})).toEqual(EMPTY_RESULT);
    expect(parse({ dns: null })).toEqual(EMPTY_RESULT);
    expect(parse({ ip4: null }, '0.1.0')).toEqual(EMPTY_RESULT);
  });

  it('reads the list of 0.3.0 under the name that spec 0.3.0 gives it', () => {
    const ip = [{ version: '4', address: '10.0.0.1/8' }];

    expect(parse({ ip }, '0.3.0').ips).toEqual([{ address: '10.0.0.1/8' }]);
    expect(parse({ ip }, '0.3.1').ips).toEqual([]);
    expect(() => parse({ ip: [{}] }, '0.3.0')).toThrow('cannot read the result');
  });

  it.each([
    [{ ips: {} }, 'ips: must be a list'],
    [{ ips: [{ address: '10.0.0.1' }] }, 'ips[0].address: must be an IP address with its prefix'],
    [{ ips: [{ address: '10.0.0.1/33' }] }, 'ips[0].address'],
    [{ ips: [{ address: '10.0.0.1/24\n' }] }, 'ips[0].address: has control characters'],
    [{ ips: [{ address: '10.0.0.1/24', gateway: 'x' }] }, 'ips[0].gateway: must be an IP address'],
    [{ ips: [{ address: '10.0.0.1/24', interface: 0 }] }, 'ips[0].interface: there is no such'],
    [{ ips: [{ address: '10.0.0.1/24', interface: -1 }] }, 'ips[0].interface: must be whole'],
    [{ interfaces: [{}] }, 'interfaces[0].name'],
    [{ interfaces: [{ name: 'a\u001b[2J' }] }, 'interfaces[0].name: has control characters'],
    [{ interfaces: [{ name: 'a', mtu: 1.5 }] }, 'interfaces[0].mtu: must be whole'],
    [{ routes: [{ dst: 'default' }] }, 'routes[0].dst: must be an IP address with its prefix'],
    [{ dns: { nameservers: ['ns.example'] } }, 'dns.nameservers[0]: must be an IP address'],
    [{ dns: { search: ['a b'] } }, 'dns.search[0]: must be one word'],
    [{ dns: { options: ['a\noptions rotate'] } }, 'dns.options[0]: has control characters'],
    [{ dns: [] }, 'dns: '],
    [{ routes: Array.from({ length: 10_001 }, () => ({ dst: '::/0' })) }, 'routes: is too long'],
  ])('refuses %.60j', (value, words) => {
    expect(() => parse(value)).toThrow(words);
  });

  it.each([
    [{ ip4: { ip: 'x' } }, 'ip4.ip'],
    [{ ip6: [] }, 'ip6'],
  ])('refuses the old form %j', (value, words) => {
    expect(() => parse(value, '0.2.0')).toThrow(words);
  });

  it('gives a result or the error asked for, whatever it is fed', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), version, (value, spoken) => {
        try {
          expect(parse(value, spoken).ips).toBeInstanceOf(Array);
        } catch (error) {
          expect(error).toHaveProperty('code', 'BAD');
        }
      }),
    );
  });
});

describe('isCidr(), isAddress() and familyOf()', () => {
  it('take what the kernel takes', () => {
    fc.assert(
      fc.property(cidr4, cidr6, (four, six) => {
        expect([isCidr(four), isCidr(six), familyOf(four), familyOf(six)]).toEqual([
          true,
          true,
          4,
          6,
        ]);
        expect(isAddress(four)).toBe(false);
      }),
    );
  });

  it.each([
    '',
    '/',
    '10.0.0.1/',
    '/8',
    '10.0.0.1/8/8',
    '10.0.0.1/08',
    'fe80::1%eth0/64',
    '10.0.0.1/ 8',
  ])('refuse %j', (text) => {
    expect(isCidr(text)).toBe(false);
  });

  it('put an IPv4 address in IPv6 clothes with its own', () => {
    expect(familyOf('::ffff:10.0.0.1/120')).toBe(4);
  });
});
