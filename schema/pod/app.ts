import type { Isolator } from '../isolators/isolator.ts';
import { isolatorList } from '../isolators/isolator-list.ts';
import type { Decoder } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { listOf, nonEmptyListOf, textMap, uniqueListOf } from '../types/lists.ts';
import { type EnvironmentVariable, environment } from '../types/name-values.ts';
import type { AcName } from '../types/names.ts';
import {
  absolutePath,
  acName,
  boolean,
  cText,
  cWord,
  optionalPath,
  textWhere,
  unixId,
} from '../types/scalars.ts';
import { type Port, port } from './port.ts';

/** What runs at a moment of an app's life. */
export interface EventHandler {
  readonly name: 'pre-start' | 'post-stop';
  /** Program and arguments; at least one. */
  readonly exec: readonly string[];
}

/** Where an app expects a volume. */
export interface MountPoint {
  readonly name: AcName;
  /** Absolute, inside the app's root file system. */
  readonly path: string;
  readonly readOnly?: boolean | undefined;
}

/** How an image is run as an app (appc, Image Manifest Schema, `app`). Absent fields mean the specification's defaults. */
export interface App {
  /** Program and arguments; absent when whoever runs it must say. */
  readonly exec?: readonly string[] | undefined;
  /** A name, a number, or an absolute path whose owner is meant. */
  readonly user: string;
  readonly group: string;
  readonly supplementaryGIDs?: readonly number[] | undefined;
  /** At most one of each name. */
  readonly eventHandlers?: readonly EventHandler[] | undefined;
  /** Absolute; `/` when absent. */
  readonly workingDirectory?: string | undefined;
  /** Unique by name. */
  readonly environment?: readonly EnvironmentVariable[] | undefined;
  readonly isolators?: readonly Isolator[] | undefined;
  /** Unique by name. */
  readonly mountPoints?: readonly MountPoint[] | undefined;
  /** Unique by name. */
  readonly ports?: readonly Port[] | undefined;
  readonly userAnnotations?: Readonly<Record<string, string>> | undefined;
  readonly userLabels?: Readonly<Record<string, string>> | undefined;
}

const eventHandler: Decoder<EventHandler> = objectOf<EventHandler>({
  fields: {
    name: textWhere<EventHandler['name']>(
      (given) => given === 'pre-start' || given === 'post-stop',
      '"pre-start" or "post-stop"',
    ),
    exec: nonEmptyListOf(cText),
  },
  required: { name: true, exec: true },
});

const mountPoint: Decoder<MountPoint> = objectOf<MountPoint>({
  fields: { name: acName, path: absolutePath, readOnly: boolean },
  required: { name: true, path: true },
});

export const app: Decoder<App> = objectOf<App>({
  fields: {
    exec: listOf(cText),
    user: cWord,
    group: cWord,
    supplementaryGIDs: listOf(unixId),
    eventHandlers: uniqueListOf(eventHandler, 'name'),
    workingDirectory: optionalPath,
    environment,
    isolators: isolatorList,
    mountPoints: uniqueListOf(mountPoint, 'name'),
    ports: uniqueListOf(port, 'name'),
    userAnnotations: textMap,
    userLabels: textMap,
  },
  required: { user: true, group: true },
});
