import * as v from 'valibot';
import { type OciDigest, ociDigest } from './digest.ts';

/** What a blob is, how it is called and how long it is (OCI image specification, descriptor.md). */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: OciDigest;
  readonly size: number;
  /** Other places that have it, of a foreign layer. */
  readonly urls?: readonly string[] | undefined;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  readonly platform?: Platform | undefined;
}

/** The machines that an image is for. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** An absent value, which Go also writes as null. */
export function maybe<Output>(
  schema: v.GenericSchema<unknown, Output>,
): v.GenericSchema<unknown, Output | undefined> {
  return v.optional(
    v.pipe(
      v.nullable(schema),
      v.transform((given) => given ?? undefined),
    ),
  ) as v.GenericSchema<unknown, Output | undefined>;
}

export const textMap: v.GenericSchema<Readonly<Record<string, string>>> = v.record(
  v.string(),
  v.string('must be text'),
);

const size = v.pipe(v.number('must be a number'), v.safeInteger(), v.minValue(0));

const fields = {
  mediaType: v.pipe(v.string('must be text'), v.nonEmpty('must not be empty')),
  digest: ociDigest,
  size,
  urls: maybe(v.array(v.string('must be text'))),
  annotations: maybe(textMap),
};

export const descriptor: v.GenericSchema<Descriptor> = v.object({
  ...fields,
  platform: maybe(
    v.object({
      os: v.string('must be text'),
      architecture: v.string('must be text'),
      variant: maybe(v.string('must be text')),
    }),
  ),
}) as v.GenericSchema<Descriptor>;
