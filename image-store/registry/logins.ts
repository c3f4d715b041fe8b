import { existsSync } from 'node:fs';
import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import type { Exec } from '#base/exec/exec';
import { readNamedFile } from '#base/fs/named-file';
import type { FindLogin, RegistryLogin } from './registry-auth.ts';
import { DOCKER_HUB, DOCKER_HUB_REGISTRY } from '../reference/oci-reference.ts';

/** A password for a registry, as gantry's own configuration has it. */
export interface ConfiguredLogin {
  /** `host` or `host:port`. */
  readonly registry: string;
  readonly user: string;
  readonly password: string;
}

export interface LoginSources {
  /** Asked first. */
  readonly configured: readonly ConfiguredLogin[];
  /** Files as docker and podman write them, the first that knows a registry counts: `config.json`, `auth.json`. */
  readonly files: readonly string[];
  readonly exec: Exec;
  /** Of credential helpers. */
  readonly env: Readonly<Record<string, string>>;
}

/** Docker Hub, as files of credentials call it. */
const HUB_NAMES = ['https://index.docker.io/v1/', 'index.docker.io', DOCKER_HUB_REGISTRY];

const MAX_BYTES = 4 * 1024 * 1024;
const HELPER_MS = 30_000;
const HELPER_OUTPUT = 1024 * 1024;
/** Helpers say so in place of a user's name when the secret is an identity token. */
const TOKEN_USER = '<token>';

/** Stands for the files among helpers: containers-registries.conf(5), "credential-helpers". */
export const LOGIN_FILES = 'containers-auth.json';

/**
 * Makes what finds out who one is for a registry; files are read, and helpers called, when one is asked for.
 * @param helpers asked in this order for every registry, the files in their place among them
 */
export function createFindLogin(
  sources: LoginSources,
  helpers: readonly string[] = [LOGIN_FILES],
): FindLogin {
  const found = new Map<string, Promise<RegistryLogin | undefined>>();

  return async (host, repository) => {
    const place = `${host}/${repository}`;
    const login = found.get(place) ?? findIn({ sources, helpers }, host, repository);
    found.set(place, login);
    return await login;
  };
}

interface Search {
  readonly sources: LoginSources;
  readonly helpers: readonly string[];
}

async function findIn(
  { sources, helpers }: Search,
  host: string,
  repository: string,
): Promise<RegistryLogin | undefined> {
  const own = sources.configured.find(({ registry }) => namesOf(host).includes(registry));
  if (own !== undefined) return { type: 'basic', user: own.user, password: own.password };

  let failure: GantryError | undefined;
  for (const helper of helpers) {
    const ask =
      helper === LOGIN_FILES
        ? findInFiles(sources, { host, repository })
        : askHelper(sources, helper, host).catch((error: unknown) => {
            if (!isGantryError(error)) throw error;
            // One that knows nothing of this registry may fail over it; another may know.
            failure ??= error;
            return undefined;
          });
    const login = await ask;
    if (login !== undefined) return login;
  }
  if (failure !== undefined) throw failure;

  return undefined;
}

/** The part of a registry that somebody is sought for. */
interface Sought {
  readonly host: string;
  readonly repository: string;
}

async function findInFiles(
  sources: LoginSources,
  sought: Sought,
): Promise<RegistryLogin | undefined> {
  for (const path of sources.files) {
    if (!existsSync(path)) continue;
    const login = await findInFile(sources, path, sought);
    if (login !== undefined) return login;
  }

  return undefined;
}

/** Forms of an address that counts for its host. */
const ADDRESSES = ['', '/', '/v1', '/v1/', '/v2', '/v2/'];

const namesOf = (host: string): readonly string[] =>
  host === DOCKER_HUB
    ? [host, ...HUB_NAMES]
    : [host, ...ADDRESSES.map((path) => `https://${host}${path}`)];

/** The narrowest first, containers-auth.json(5): `host/a/b`, `host/a`, and the host by all its names. */
function placesOf({ host, repository }: Sought): readonly string[] {
  const parts = repository.split('/');
  const namespaces = parts.map((_, index) =>
    [host, ...parts.slice(0, parts.length - index)].join('/'),
  );

  return [...namespaces, ...namesOf(host)];
}

interface LoginFile {
  readonly auths?: Readonly<Record<string, LoginEntry>> | undefined;
  readonly credHelpers?: Readonly<Record<string, string>> | undefined;
  readonly credsStore?: string | undefined;
}

interface LoginEntry {
  /** Base64 of `user:password`. */
  readonly auth?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly identitytoken?: string | undefined;
}

const text = v.optional(v.string('must be text'));
const loginFile: v.GenericSchema<unknown, LoginFile> = v.object({
  auths: v.optional(
    v.record(
      v.string(),
      v.object({ auth: text, username: text, password: text, identitytoken: text }),
    ),
  ),
  credHelpers: v.optional(v.record(v.string(), v.string('must be text'))),
  credsStore: text,
});

async function findInFile(
  sources: LoginSources,
  path: string,
  sought: Sought,
): Promise<RegistryLogin | undefined> {
  const { auths = {}, credHelpers = {}, credsStore } = readFile(path);
  for (const place of placesOf(sought)) {
    const helper = Object.hasOwn(credHelpers, place) ? credHelpers[place] : undefined;
    if (helper !== undefined) return await askHelper(sources, helper, place);
    const login = Object.hasOwn(auths, place) ? loginOf(auths[place], path) : undefined;
    if (login !== undefined) return login;
    // The file names what the store has, without the secret.
    const isStored = credsStore !== undefined && Object.hasOwn(auths, place);
    if (isStored) return await askHelper(sources, credsStore, place);
  }
  if (credsStore === undefined) return undefined;

  return await askStore(sources, credsStore, sought.host);
}

/**
 * As docker does, for a registry that the file does not name: helpers of clouds
 * know theirs without a login. One that fails may have nothing to do with this one.
 */
async function askStore(
  sources: LoginSources,
  store: string,
  host: string,
): Promise<RegistryLogin | undefined> {
  const [hub = host] = HUB_NAMES;
  try {
    return await askHelper(sources, store, host === DOCKER_HUB ? hub : host);
  } catch (error) {
    if (!isGantryError(error, 'CREDENTIALS_INVALID')) throw error;
    return undefined;
  }
}

function readFile(path: string): LoginFile {
  let bytes: Buffer;
  try {
    bytes = readNamedFile(path, MAX_BYTES);
  } catch (cause) {
    throw new GantryError(
      'CREDENTIALS_INVALID',
      `cannot read credentials "${path}": ${fileState(cause)}`,
      { cause },
    );
  }

  return decodeJson(loginFile, bytes.toString('utf8'), {
    what: `credentials "${path}"`,
    code: 'CREDENTIALS_INVALID',
  });
}

/** @returns undefined for an entry without a secret */
function loginOf(entry: LoginEntry | undefined, path: string): RegistryLogin | undefined {
  if (entry?.identitytoken !== undefined && entry.identitytoken !== '') {
    return { type: 'identity', token: entry.identitytoken };
  }
  if (entry?.username !== undefined && entry.password !== undefined) {
    return { type: 'basic', user: entry.username, password: entry.password };
  }
  if (entry?.auth === undefined || entry.auth === '') return undefined;
  const [, user, password] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(entry.auth, 'base64').toString()) ?? [];
  if (user === undefined || password === undefined) {
    throw new GantryError(
      'CREDENTIALS_INVALID',
      `cannot use credentials "${path}": an "auth" is not the base64 of USER:PASSWORD`,
    );
  }

  return { type: 'basic', user, password: password.replace(/\0+$/, '') };
}

const helperAnswer = v.object({ Username: v.string(), Secret: v.string() });

/** The protocol of docker-credential-helpers: the registry on standard input, JSON on standard output. */
async function askHelper(
  { exec, env }: LoginSources,
  helper: string,
  place: string,
): Promise<RegistryLogin | undefined> {
  const program = `docker-credential-${helper}`;
  if (!/^[\w.-]+$/.test(helper)) throw helperFailed(program, 'it is not the name of a program');
  const { exitCode, stdout, stderr } = await exec
    .run({
      argv: [program, 'get'],
      env,
      input: place,
      timeoutMs: HELPER_MS,
      maxOutput: HELPER_OUTPUT,
      wholeGroup: true,
    })
    .catch((cause: unknown) => {
      throw helperFailed(program, fileState(cause), cause);
    });
  const said = stdout.toString('utf8');
  if (exitCode !== 0) {
    // What helpers say of a registry that they do not know.
    if (/credentials not found/i.test(`${said}${stderr}`)) return undefined;
    throw helperFailed(program, `it ended with status ${exitCode ?? 'of a signal'}`);
  }
  const { Username: user, Secret: secret } = decodeJson(helperAnswer, said, {
    what: `what "${program}" says`,
    code: 'CREDENTIALS_INVALID',
  });
  if (user === '' && secret === '') return undefined;

  return user === TOKEN_USER
    ? { type: 'identity', token: secret }
    : { type: 'basic', user, password: secret };
}

function helperFailed(program: string, state: string, cause?: unknown): GantryError {
  return new GantryError(
    'CREDENTIALS_INVALID',
    `cannot ask "${program}" for credentials: ${state}`,
    {
      cause,
    },
  );
}
