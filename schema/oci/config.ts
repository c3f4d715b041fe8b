import * as v from 'valibot';
import { decodeJson } from '#base/decode/decode';
import { maybe, type Platform, textMap } from './descriptor.ts';
import { type OciDigest, ociDigest } from './digest.ts';

/** How an image is run (OCI image specification, config.md, `config`). */
export interface ContainerConfig {
  /** `user`, `uid`, `user:group`, …; root when empty or absent. */
  readonly User?: string | undefined;
  /** `80/tcp` each: a port, or a range, and a protocol, tcp unless told. */
  readonly ExposedPorts?: readonly string[] | undefined;
  /** `NAME=VALUE` each. */
  readonly Env?: readonly string[] | undefined;
  readonly Entrypoint?: readonly string[] | undefined;
  readonly Cmd?: readonly string[] | undefined;
  /** Absolute paths. */
  readonly Volumes?: readonly string[] | undefined;
  readonly WorkingDir?: string | undefined;
  readonly Labels?: Readonly<Record<string, string>> | undefined;
  readonly StopSignal?: string | undefined;
}

/** An image's configuration; its digest is the image's id. */
export interface OciConfig extends Platform {
  readonly created?: string | undefined;
  readonly author?: string | undefined;
  readonly config: ContainerConfig;
  /** Digests of the layers' archives, unpacked, lowest first. */
  readonly diffIds: readonly OciDigest[];
}

const text = v.string('must be text');
/** What becomes an argument, a variable or a path ends at a NUL in the kernel. */
const cText = v.pipe(
  text,
  v.check((given) => !given.includes('\0'), 'must be text without NUL'),
);
const words = maybe(v.array(cText));
/** Go writes a set as a map to empty objects. */
const names = maybe(
  v.pipe(
    v.record(cText, v.unknown()),
    v.transform((given): readonly string[] => Object.keys(given)),
  ),
);
const absolutePath = v.pipe(
  cText,
  v.check((given) => given === '' || given.startsWith('/'), 'must be an absolute path'),
);

const configSchema = v.object({
  created: maybe(text),
  author: maybe(text),
  os: v.pipe(text, v.nonEmpty('must not be empty')),
  architecture: v.pipe(text, v.nonEmpty('must not be empty')),
  variant: maybe(text),
  config: maybe(
    v.object({
      User: maybe(cText),
      ExposedPorts: names,
      Env: words,
      Entrypoint: words,
      Cmd: words,
      Volumes: names,
      WorkingDir: maybe(absolutePath),
      Labels: maybe(textMap),
      StopSignal: maybe(cText),
    }),
  ),
  rootfs: v.object({
    type: v.literal('layers', 'must be "layers"'),
    diff_ids: v.pipe(
      v.nullable(v.array(ociDigest)),
      v.transform((given): readonly OciDigest[] => given ?? []),
    ),
  }),
});

/**
 * Reads the configuration of an image.
 * @param what names it in errors
 * @throws GantryError IMAGE_CONFIG_INVALID; the message names the place in the document
 */
export function parseOciConfig(json: string, what: string): OciConfig {
  const {
    rootfs,
    config = {},
    ...rest
  } = decodeJson(configSchema, json, {
    what,
    code: 'IMAGE_CONFIG_INVALID',
  });

  return { ...rest, config, diffIds: rootfs.diff_ids };
}
