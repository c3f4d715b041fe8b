import { lstatSync, realpathSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  formatRegistryReference,
  type LocalReference,
  type RegistryReference,
} from '../reference/index.ts';
import type { Policy, Requirements } from './policy.ts';

/** What a policy says of one image. */
export interface PolicyMatch {
  /** `transport:scope`, or `default`, for messages. */
  readonly scope: string;
  readonly requirements: Requirements;
}

/** What an image must fulfil: of all scopes that it is in, the one that says the most about where it is. */
export function matchPolicy(
  policy: Policy,
  image: RegistryReference | LocalReference,
): PolicyMatch {
  const transport = image.kind === 'registry' ? 'docker' : image.form;
  const scopes = policy.transports.get(transport);
  for (const scope of [...scopesOf(image), '']) {
    const requirements = scopes?.get(scope);
    if (requirements !== undefined) return { scope: `${transport}:${scope}`, requirements };
  }

  return { scope: 'default', requirements: policy.default };
}

/** The scopes that an image is in, the narrowest first: containers-policy.json(5). */
export function scopesOf(image: RegistryReference | LocalReference): readonly string[] {
  return image.kind === 'registry' ? registryScopes(image) : localScopes(image);
}

function registryScopes({ host = '', repository, tag, digest }: RegistryReference): string[] {
  const place = { host, repository, tag: undefined, digest: undefined };
  const exact = [
    ...(digest === undefined ? [] : [formatRegistryReference({ ...place, digest })]),
    ...(tag === undefined ? [] : [formatRegistryReference({ ...place, tag })]),
  ];
  const parts = repository.split('/');
  const namespaces = parts.map((_, index) =>
    [host, ...parts.slice(0, parts.length - index)].join('/'),
  );

  return [...exact, ...namespaces, host, ...wildcardsOf(host)];
}

/** `*.b.c` and `*.c` for `a.b.c`, with any port. */
function wildcardsOf(host: string): readonly string[] {
  const parts = host.replace(/:\d+$/, '').split('.').slice(1);

  return parts.map((_, index) => `*.${parts.slice(index).join('.')}`);
}

/** An archive that docker saved is in no scope but that of its transport. */
function localScopes({ form, path, name }: LocalReference): readonly string[] {
  if (form === 'docker-archive') return [];

  const scopes: string[] = [];
  const real = realPath(path);
  if (name !== undefined) scopes.push(`${real}:${name}`);
  for (let folder = real; folder !== '/'; folder = dirname(folder)) scopes.push(folder);

  return scopes;
}

/** Without links, also of what is not there yet. */
function realPath(path: string): string {
  const whole = resolve(path);

  return lstatSync(whole, { throwIfNoEntry: false }) === undefined ? whole : realpathSync(whole);
}

const WILDCARD = /^\*(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/i;
const PLACE =
  /^(?:[a-zA-Z0-9.-]+|\[[a-fA-F0-9:]+\])(?::\d{1,5})?(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const EXACT = /(?::[\w][\w.-]{0,127}|@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))$/;

/** Why no image can ever be in a scope; undefined when one can, or the transport is none of ours. */
export function scopeProblem(transport: string, scope: string): string | undefined {
  if (scope === '') return undefined;
  if (transport === 'docker') {
    const hasRepository = scope.includes('/');
    const place = hasRepository ? scope.replace(EXACT, '') : scope;
    return WILDCARD.test(scope) || PLACE.test(place)
      ? undefined
      : 'is no host, no repository and no image: write HOST[:PORT][/NAME][:TAG], or *.DOMAIN';
  }
  if (transport === 'oci' || transport === 'oci-archive') {
    const [path = ''] = scope.split(':');
    return path !== '/' && resolve(path) === path
      ? undefined
      : 'must be an absolute path in its shortest form, and not "/"';
  }
  if (transport === 'docker-archive') return 'must be "": such archives have no scopes';

  return undefined;
}
