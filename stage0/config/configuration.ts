import type { HostCredential } from '#image-store';
import type { ImageLimits, Stage1Config } from '../operations/context.ts';
import { type ConfigDirs, type ConfigFolder, findConfigFiles } from './config-dirs.ts';

/** A credential of a registry of Docker images (kind dockerAuth). */
export interface RegistryCredential {
  readonly registry: string;
  readonly user: string;
  readonly password: string;
}

/** All that configuration files say, merged. */
export interface Configuration {
  readonly auth: readonly HostCredential[];
  readonly dockerAuth: readonly RegistryCredential[];
  readonly paths: {
    /** The data directory, absolute. */
    readonly data?: string | undefined;
    /** Where stage1 images lie, absolute. */
    readonly stage1Images?: string | undefined;
  };
  readonly stage1: Stage1Config | undefined;
  /** The program's own limits where nothing is said. */
  readonly limits: ImageLimits & {
    /** How long a server may be silent. */
    readonly serverSeconds?: number | undefined;
  };
}

/** What there is when no file says anything. */
const NOTHING: Configuration = {
  auth: [],
  dockerAuth: [],
  paths: {},
  stage1: undefined,
  limits: {},
};

/**
 * Reads and merges the documents in some folders of the configuration
 * directories. Where there is none, nothing more is loaded for it.
 * @throws GantryError CONFIG_UNREADABLE, CONFIG_INVALID; both name the file
 */
export async function readConfiguration(
  dirs: ConfigDirs,
  folders: readonly ConfigFolder[],
): Promise<Configuration> {
  const layers = findConfigFiles(dirs, folders);
  if (layers.length === 0) return NOTHING;

  const { mergeLayers } = await import('./config-documents.ts');
  return mergeLayers(layers);
}
