import { constants } from 'node:os';
import { posix } from 'node:path';
import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { ImageManifest } from '../image/image-manifest.ts';
import type { App } from '../pod/app.ts';
import type { Port } from '../pod/port.ts';
import { isTimestamp } from '../types/date.ts';
import { hostLabels, makeLabels, OS_ARCHITECTURES } from '../types/labels.ts';
import { isEnvironmentName } from '../types/name-values.ts';
import { type AcIdentifier, parseAcIdentifier, parseAcName } from '../types/names.ts';
import {
  ENTRYPOINT_ANNOTATION,
  GROUP_ANNOTATION,
  OCI_ANNOTATION,
  STOP_SIGNAL_ANNOTATION,
  VOLUMES_ANNOTATION,
} from './annotations.ts';
import type { OciConfig } from './config.ts';
import { formatPlatform, hostPlatform } from './platform.ts';

/** What an image is called where appc's names are used. */
export interface OciName {
  /** Of any characters: what cannot stand in an identifier becomes a dash. */
  readonly name: string;
  /** The tag. */
  readonly version?: string | undefined;
  /** As users write it, for messages; the name unless told. */
  readonly reference?: string | undefined;
}

/** What came of a conversion. */
export interface Converted {
  readonly manifest: ImageManifest;
  /** What of the configuration is left out, for the user. */
  readonly warnings: readonly string[];
}

/** The version of the appc specification that such manifests follow. */
const AC_VERSION = '0.8.11';

/** appc's words for processors, by OCI's with their variant. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  amd64: 'amd64',
  '386': 'i386',
  arm64: 'aarch64',
  arm: 'armv7l',
  'arm/v7': 'armv7l',
  'arm/v6': 'armv6l',
  ppc64le: 'ppc64le',
  ppc64: 'ppc64',
  s390x: 's390x',
};

/**
 * Tells in appc's terms how an OCI image is run, which is all that stage1
 * knows. Its volumes are no mount points: those begin empty, and theirs begins
 * with what the image has there.
 * @throws GantryError IMAGE_FOREIGN for a machine that appc has no word for
 */
export function ociToAppc(config: OciConfig, called: OciName, digest: string): Converted {
  const warnings: string[] = [];
  const { name, version } = called;
  const manifest: ImageManifest = {
    acKind: 'ImageManifest',
    acVersion: AC_VERSION,
    name: identifierOf(name),
    labels: makeLabels([
      ...(version === undefined ? [] : [['version', version] as const]),
      ['os', demandLinux(config, called)],
      ['arch', architectureOf(config, called)],
    ]),
    app: appOf(config, warnings),
    annotations: annotationsOf(config, digest, warnings),
  };

  return { manifest, warnings };
}

/** A name as an appc identifier: `localhost:5000/A__b` becomes `localhost-5000/a-b`. */
function identifierOf(name: string): AcIdentifier {
  const parts = name
    .toLowerCase()
    .split('/')
    .map((part) => part.replaceAll(/[^a-z0-9.]+|\.{2,}/g, '-').replaceAll(/^[-.]+|[-.]+$/g, ''))
    .map((part) => part.replaceAll(/-\.|\.-/g, '-').replaceAll(/-+/g, '-'))
    .filter((part) => part !== '');

  return parseAcIdentifier(parts.length === 0 ? 'image' : parts.join('/'));
}

function demandLinux(config: OciConfig, called: OciName): string {
  if (Object.hasOwn(OS_ARCHITECTURES, config.os)) return config.os;
  throw foreign(config, called);
}

function architectureOf(config: OciConfig, called: OciName): string {
  const { os, architecture, variant } = config;
  const found = ARCHITECTURES[`${architecture}/${variant ?? ''}`] ?? ARCHITECTURES[architecture];
  if (found !== undefined && OS_ARCHITECTURES[os]?.includes(found) === true) return found;
  // What this machine itself is called it is called in its images.
  if (architecture === hostPlatform().architecture) return hostLabels().arch;
  throw foreign(config, called);
}

function foreign(config: OciConfig, { name, reference = name }: OciName): GantryError {
  return new GantryError(
    'IMAGE_FOREIGN',
    `cannot use image ${quoted(reference)}: it is for ${quoted(formatPlatform(config))}, which gantry runs on no machine`,
  );
}

function annotationsOf(
  { created, config }: OciConfig,
  digest: string,
  warnings: string[],
): ImageManifest['annotations'] {
  const { Entrypoint: entrypoint = [], User: user = '', StopSignal: signal = '' } = config;
  const volumes = volumesOf(config.Volumes ?? [], warnings);
  const stopSignal = signal === '' ? undefined : signalOf(signal, warnings);
  const said: readonly (readonly [string, string])[] = [
    [OCI_ANNOTATION, digest],
    [ENTRYPOINT_ANNOTATION, JSON.stringify(entrypoint)],
    ...(userOf(user).group === undefined ? [[GROUP_ANNOTATION, 'own'] as const] : []),
    ...(created !== undefined && isTimestamp(created) ? [['created', created] as const] : []),
    ...(stopSignal === undefined ? [] : [[STOP_SIGNAL_ANNOTATION, stopSignal] as const]),
    ...(volumes.length === 0 ? [] : [[VOLUMES_ANNOTATION, JSON.stringify(volumes)] as const]),
  ];

  return said.map(([name, value]) => ({ name: parseAcIdentifier(name), value }));
}

function appOf({ config }: OciConfig, warnings: string[]): App {
  const { Entrypoint: entrypoint = [], Cmd: command = [], WorkingDir: workingDir = '' } = config;
  const { user, group } = userOf(config.User ?? '');
  const environment = environmentOf(config.Env ?? [], warnings);
  const ports = (config.ExposedPorts ?? []).flatMap((port) => portOf(port, warnings));
  const exec = [...entrypoint, ...command];

  return {
    ...(exec.length === 0 ? {} : { exec }),
    user,
    group: group ?? '0',
    ...(workingDir === '' ? {} : { workingDirectory: workingDir }),
    ...(environment.length === 0 ? {} : { environment }),
    ...(ports.length === 0 ? {} : { ports: uniqueByName(ports) }),
    ...(config.Labels === undefined ? {} : { userLabels: config.Labels }),
  };
}

/** The volumes of a configuration as absolute paths, each once. @param warnings what is left out is told there */
export function volumesOf(paths: readonly string[], warnings: string[]): readonly string[] {
  const volumes = new Set<string>();
  for (const path of paths) {
    const clean = posix.normalize(path).replace(/(?<=.)\/$/, '');
    if (clean.startsWith('/') && clean !== '/' && !clean.includes('\0')) volumes.add(clean);
    else warnings.push(`the volume ${quoted(path)} is left out: it is no path below "/"`);
  }

  return [...volumes];
}

const SIGNALS: Readonly<Record<string, number>> = constants.signals;
const REALTIME = /^SIGRT(?:MIN(?:\+\d{1,2})?|MAX(?:-\d{1,2})?)$/;

/** `SIGQUIT`, `QUIT` and `3` are one. */
function signalOf(text: string, warnings: string[]): string | undefined {
  const byNumber = Object.entries(SIGNALS).find(([, number]) => String(number) === text)?.[0];
  const name = byNumber ?? `SIG${text.toUpperCase().replace(/^SIG/, '')}`;
  if (Object.hasOwn(SIGNALS, name) || REALTIME.test(name)) return name;

  warnings.push(`the stop signal ${quoted(text)} is left out: there is no such signal`);
  return undefined;
}

/** `USER[:GROUP]`, root's when empty; without a group it is the user's own. */
function userOf(text: string): {
  readonly user: string;
  readonly group: string | undefined;
} {
  const [user = '', group = ''] = text.split(':', 2);

  return { user: user === '' ? '0' : user, group: group === '' ? undefined : group };
}

/** The last of several of one name counts. */
function environmentOf(
  lines: readonly string[],
  warnings: string[],
): NonNullable<App['environment']> {
  const variables = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf('=');
    const name = at === -1 ? line : line.slice(0, at);
    if (!isEnvironmentName(name)) {
      warnings.push(`the variable ${quoted(name)} is left out: it is no name of a variable`);
      continue;
    }
    variables.delete(name);
    variables.set(name, at === -1 ? '' : line.slice(at + 1));
  }

  return [...variables].map(([name, value]) => ({ name, value }));
}

const PORT = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/;
const LAST_PORT = 65_535;

function portOf(text: string, warnings: string[]): readonly Port[] {
  const [, first, last = first, protocol = 'tcp'] = PORT.exec(text) ?? [];
  const port = Number(first);
  const count = Number(last) - port + 1;
  if (!(port >= 1 && count >= 1 && Number(last) <= LAST_PORT)) {
    warnings.push(`the port ${quoted(text)} is left out: it is no PORT/PROTOCOL`);
    return [];
  }
  const numbers = count === 1 ? `${port}` : `${port}-${Number(last)}`;

  return [
    {
      name: parseAcName(`${numbers}-${protocol}`),
      protocol,
      port,
      ...(count === 1 ? {} : { count }),
    },
  ];
}

function uniqueByName(ports: readonly Port[]): readonly Port[] {
  return [...new Map(ports.map((port) => [port.name, port])).values()];
}
