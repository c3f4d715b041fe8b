import type { Volume } from '#schema/pod/pod-manifest';
import type { MountRequest } from '../operations/requests.ts';
import {
  readAbsolutePath,
  readFields,
  readInteger,
  readName,
  readOptionalBoolean,
} from './flag-values.ts';
import { usageError } from './usage-error.ts';

/** The largest user or group id; the one above means "unchanged" in chown(2). */
export const MAX_ID = 4_294_967_294;

const VOLUME_KEYS = ['kind', 'source', 'readOnly', 'recursive', 'mode', 'uid', 'gid'] as const;
type VolumeFields = Readonly<Partial<Record<(typeof VOLUME_KEYS)[number], string>>>;

/**
 * Reads every `--volume NAME,kind=…` (fact sheet 6.5).
 * @throws GantryError BAD_USAGE
 */
export function readVolumes(texts: readonly string[]): readonly Volume[] {
  const volumes = texts.map(readVolume);
  const twice = volumes.find(
    ({ name }, at) => volumes.findIndex((one) => one.name === name) !== at,
  );
  if (twice !== undefined) {
    throw usageError(`cannot read --volume: "${twice.name}" is given twice`);
  }

  return volumes;
}

function readVolume(text: string): Volume {
  const at = text.indexOf(',');
  if (at < 0) {
    throw usageError(
      `cannot read --volume: "${text}" is not NAME,kind=host|empty,…`,
      'for example --volume=data,kind=host,source=/srv/data',
    );
  }
  const name = readName(text.slice(0, at), '--volume');
  const fields = readFields(text.slice(at + 1), '--volume', VOLUME_KEYS);

  switch (fields.kind) {
    case 'host':
      return hostVolume(name, fields);
    case 'empty':
      return emptyVolume(name, fields);
    case undefined:
      throw usageError(`cannot read --volume: "${name}" has no kind`, 'kinds are host and empty');
    default:
      throw usageError(
        `cannot read --volume: unknown kind "${fields.kind}" of "${name}"`,
        'kinds are host and empty',
      );
  }
}

function hostVolume(name: Volume['name'], fields: VolumeFields): Volume {
  refuse(name, fields, ['mode', 'uid', 'gid']);
  if (fields.source === undefined) {
    throw usageError(`cannot read --volume: "${name}" has no source`);
  }
  const readOnly = readOptionalBoolean(fields.readOnly, '--volume readOnly');
  const recursive = readOptionalBoolean(fields.recursive, '--volume recursive');

  return {
    name,
    kind: 'host',
    source: readAbsolutePath(fields.source, '--volume source'),
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(recursive === undefined ? {} : { recursive }),
  };
}

function emptyVolume(name: Volume['name'], fields: VolumeFields): Volume {
  refuse(name, fields, ['source', 'recursive']);
  const readOnly = readOptionalBoolean(fields.readOnly, '--volume readOnly');
  if (fields.mode !== undefined && !/^[0-7]{3,4}$/.test(fields.mode)) {
    throw usageError(
      `cannot read --volume: mode "${fields.mode}" of "${name}" is not three or four octal digits`,
    );
  }

  return {
    name,
    kind: 'empty',
    ...(readOnly === undefined ? {} : { readOnly }),
    mode: fields.mode ?? '0755',
    uid: readInteger(fields.uid ?? '0', '--volume uid', { min: 0, max: MAX_ID }),
    gid: readInteger(fields.gid ?? '0', '--volume gid', { min: 0, max: MAX_ID }),
  };
}

function refuse(name: string, fields: VolumeFields, keys: readonly (keyof VolumeFields)[]): void {
  const wrong = keys.find((key) => fields[key] !== undefined);
  if (wrong !== undefined) {
    throw usageError(
      `cannot read --volume: "${wrong}" means nothing for "${name}" of kind ${fields.kind}`,
    );
  }
}

/** Reads every `--mount volume=NAME,target=PATH`. @throws GantryError BAD_USAGE */
export function readMounts(texts: readonly string[]): readonly MountRequest[] {
  return texts.map((text) => {
    const { volume, target } = readFields(text, '--mount', ['volume', 'target']);
    if (volume === undefined || target === undefined) {
      throw usageError(`cannot read --mount: "${text}" is not volume=NAME,target=PATH`);
    }

    return {
      volume: readName(volume, '--mount'),
      target: readAbsolutePath(target, '--mount target'),
    };
  });
}
