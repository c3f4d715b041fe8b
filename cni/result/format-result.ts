import type { JsonObject } from '../config/json.ts';
import type { CniVersion } from '../version/cni-version.ts';
import { familyOf } from './address.ts';
import {
  type CniResult,
  type ResultDns,
  type ResultForm,
  type ResultInterface,
  type ResultRoute,
  resultFormOf,
} from './result.ts';

/**
 * Writes a result in the form of a version, as a plugin of that version would
 * have. What the version has no words for is left out: before 1.1.0 all but the
 * bare interfaces and routes, before 0.3.0 the interfaces, and every address of
 * a family but the first.
 */
export function formatResult(result: CniResult, version: CniVersion): JsonObject {
  const form = resultFormOf(version);
  if (form === 'families') return formatFamilies(result, version);

  return {
    cniVersion: version,
    interfaces: result.interfaces.map((item) => formatInterface(item, form)),
    ips: result.ips.map((ip) =>
      form === 'versioned-ips' ? { version: String(familyOf(ip.address)), ...ip } : ip,
    ),
    routes: result.routes.map((route) => formatRoute(route, form)),
    dns: formatDns(result.dns),
  };
}

function formatFamilies(result: CniResult, version: CniVersion): JsonObject {
  const familyConfig = (family: 4 | 6): JsonObject | undefined => {
    const first = result.ips.find(({ address }) => familyOf(address) === family);
    if (first === undefined) return undefined;

    const routes = result.routes
      .filter(({ dst }) => familyOf(dst) === family)
      .map((route) => formatRoute(route, 'families'));
    return {
      ip: first.address,
      ...(first.gateway === undefined ? {} : { gateway: first.gateway }),
      routes,
    };
  };
  const [ip4, ip6] = [familyConfig(4), familyConfig(6)];

  return {
    cniVersion: version,
    ...(ip4 === undefined ? {} : { ip4 }),
    ...(ip6 === undefined ? {} : { ip6 }),
    dns: formatDns(result.dns),
  };
}

function formatInterface(item: ResultInterface, form: ResultForm): ResultInterface {
  if (form === 'extended') return item;

  const { name, mac, sandbox } = item;
  return {
    name,
    ...(mac === undefined ? {} : { mac }),
    ...(sandbox === undefined ? {} : { sandbox }),
  };
}

function formatRoute(route: ResultRoute, form: ResultForm): ResultRoute {
  if (form === 'extended') return route;

  const { dst, gw } = route;
  return { dst, ...(gw === undefined ? {} : { gw }) };
}

/** Empty parts are left out, as plugins do. */
function formatDns({ nameservers, domain, search, options }: ResultDns): JsonObject {
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
    ...(options.length === 0 ? {} : { options }),
  };
}
