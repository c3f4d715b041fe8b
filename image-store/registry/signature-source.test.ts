import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OciDigest } from '#schema/oci/digest';
import { file, type ImageServer, status } from '../../test/doubles/image-server.ts';
import {
  type AnsweringRegistry,
  startAnsweringRegistry,
} from '../../test/helpers/answering-registry.ts';
import { readSignaturePlaces } from '../policy/lookaside.ts';
import { parseRegistryReference } from '../reference/oci-reference.ts';
import { openRepository } from './registry-client.ts';
import { signaturesOf } from './signature-source.ts';

const HEX = 'a'.repeat(64);
const MANIFEST = `sha256:${HEX}` as OciDigest;
const V2 = 'reg.example.com/v2/team/app';
const TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
const SIGNATURE_TYPE = 'application/vnd.dev.cosign.artifact.sig.v1+json';

let registry: AnsweringRegistry;
let server: ImageServer;
let dir: string;
beforeAll(async () => {
  registry = await startAnsweringRegistry(['reg.example.com', 'sig.example.com'], {
    retries: { attempts: 1 },
  });
  ({ server } = registry);
  dir = mkdtempSync(join(tmpdir(), 'gantry-signatures-'));
});
beforeEach(() => server.reset());
afterAll(async () => {
  rmSync(dir, { recursive: true });
  await registry[Symbol.asyncDispose]();
});

const digestOf = (text: string): string =>
  `sha256:${createHash('sha256').update(text).digest('hex')}`;
/** Serves a blob. @returns its descriptor */
function blob(text: string, annotations: Readonly<Record<string, string>> = {}, mediaType = TYPE) {
  const digest = digestOf(text);
  server.on(`${V2}/blobs/${digest}`, file(text));
  return { mediaType, digest, size: text.length, annotations };
}
const manifestOf = (...layers: readonly unknown[]): string =>
  JSON.stringify({ schemaVersion: 2, config: blob('{}'), layers });
const signature = (text: string) =>
  blob(text, { 'dev.cosignproject.cosign/signature': `by-${text}` });

function source(registries = '') {
  writeFileSync(join(dir, 'a.yaml'), registries);
  const image = parseRegistryReference('reg.example.com/team/app:1', 'reg.example.com/team/app:1');
  const repository = openRepository(image, registry.optionsFor());
  const { client } = registry;
  return signaturesOf({ image, repository, places: readSignaturePlaces([dir]), client });
}

describe('signaturesOf()', () => {
  it('finds what cosign put beside an image, by its tag and by what refers to it', async () => {
    const certified = blob('two', {
      'dev.cosignproject.cosign/signature': 'by-two',
      'dev.sigstore.cosign/certificate': 'C',
      'dev.sigstore.cosign/chain': 'D',
      'dev.sigstore.cosign/bundle': 'B',
    });
    const tagged = manifestOf(
      signature('one'),
      certified,
      blob('no signature'),
      blob('other', {}, 'a/b'),
    );
    const third = manifestOf(signature('three'));
    server.on(`${V2}/manifests/sha256-${HEX}.sig`, file(tagged));
    server.on(`${V2}/manifests/${digestOf(third)}`, file(third));
    const refers = { mediaType: 'm/n', digest: digestOf(third), size: third.length };
    const list = (manifests: readonly unknown[]) =>
      file(JSON.stringify({ schemaVersion: 2, manifests }));
    server.on(
      `${V2}/referrers/${MANIFEST}`,
      list([
        { ...refers, artifactType: SIGNATURE_TYPE },
        { ...refers, artifactType: 'sbom' },
      ]),
    );

    const found = await source().sigstore(MANIFEST);
    expect(
      found.map((each) => ('payload' in each ? [String(each.payload), each.signature] : [])),
    ).toEqual([
      ['one', 'by-one'],
      ['two', 'by-two'],
      ['three', 'by-three'],
    ]);
    expect(found[1]).toMatchObject({ certificate: 'C', chain: 'D', bundle: 'B' });

    server.on(`${V2}/referrers/${MANIFEST}`, status(404));
    server.on(`${V2}/manifests/sha256-${HEX}`, list([{ ...refers, artifactType: SIGNATURE_TYPE }]));
    expect(await source().sigstore(MANIFEST)).toHaveLength(3);
  });

  it('finds bundles that refer to an image, and leaves attestations', async () => {
    const served = '{"the":"manifest"}';
    server.on(`${V2}/manifests/${digestOf(served)}`, file(served));
    const BUNDLE = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const refer = (text: string, listed: object, size = text.length) => {
      const holder = manifestOf({ ...blob(text, {}, BUNDLE), size });
      server.on(`${V2}/manifests/${digestOf(holder)}`, file(holder));
      return { mediaType: 'm/n', digest: digestOf(holder), size: holder.length, ...listed };
    };
    const saying = (predicate: string) => ({
      artifactType: BUNDLE,
      annotations: { 'dev.sigstore.bundle.predicateType': predicate },
    });
    const manifests = [
      refer('one', saying('https://sigstore.dev/cosign/sign/v1')),
      refer('two', { artifactType: BUNDLE }),
      refer('three', { artifactType: 'application/vnd.oci.empty.v1+json' }),
      refer('provenance', saying('https://slsa.dev/provenance/v1')),
      refer('list', { artifactType: 'sbom' }),
      refer('large', { artifactType: BUNDLE }, 100 * 1024 * 1024),
    ];
    server.on(
      `${V2}/referrers/${digestOf(served)}`,
      file(JSON.stringify({ schemaVersion: 2, manifests })),
    );

    const found = await source().sigstore(digestOf(served) as OciDigest);
    expect(
      found.map((each) => ('json' in each ? `${String(each.json)} ${each.manifest.digest}` : each)),
    ).toEqual([
      ...['one', 'two', 'three'].map((text) => `${text} ${digestOf(served)}`),
      {
        refusal: expect.objectContaining({
          message: expect.stringMatching(/has 104857600 bytes, more than/) as string,
        }) as object,
      },
    ]);
    expect(server.count(`${V2}/blobs/${digestOf('large')}`)).toBe(0);
  });

  it('finds none where there is none', async () => {
    expect(await source().sigstore(MANIFEST)).toEqual([]);
    expect(await source().simple(MANIFEST)).toEqual([]);
    expect(
      await source('docker: {reg.example.com: {lookaside: "https://sig.example.com"}}').simple(
        MANIFEST,
      ),
    ).toEqual([]);
  });

  it('does not take what is not what it should be, or that the registry fails to give', async () => {
    const lies = { ...signature('true'), digest: digestOf('else') };
    server.on(`${V2}/blobs/${lies.digest}`, file('fals'));
    server.on(`${V2}/manifests/sha256-${HEX}.sig`, file(manifestOf(lies)));
    await expect(source().sigstore(MANIFEST)).rejects.toThrow('has the digest');
    server.on(`${V2}/manifests/sha256-${HEX}.sig`, file('[]'));
    await expect(source().sigstore(MANIFEST)).rejects.toThrow('the signatures of');
    server.on(`${V2}/manifests/sha256-${HEX}.sig`, status(500));
    await expect(source().sigstore(MANIFEST)).rejects.toThrow('500');
  });

  it('finds simple signatures on a web server and on this machine, as many as there are', async () => {
    const place = `team/app@sha256=${HEX}`;
    server.on(`sig.example.com/s/${place}/signature-1`, file('first'));
    server.on(`sig.example.com/s/${place}/signature-2`, file('second'));
    server.on(`sig.example.com/s/${place}/signature-4`, file('never asked for'));
    const texts = async (registries: string) =>
      (await source(registries).simple(MANIFEST)).map(String);
    expect(
      await texts('docker: {reg.example.com: {lookaside: "https://sig.example.com/s"}}'),
    ).toEqual(['first', 'second']);

    mkdirSync(join(dir, place), { recursive: true });
    writeFileSync(join(dir, place, 'signature-1'), 'here');
    expect(await texts(`docker: {reg.example.com: {lookaside: "file://${dir}"}}`)).toEqual([
      'here',
    ]);
  });

  it('reads no file of this machine that is longer than a signature, nor one without end', async () => {
    const place = join(dir, `team/app@sha256=${HEX}`);
    mkdirSync(place, { recursive: true });
    rmSync(join(place, 'signature-1'), { force: true });
    symlinkSync('/dev/zero', join(place, 'signature-1'));

    await expect(
      source(`docker: {reg.example.com: {lookaside: "file://${dir}"}}`).simple(MANIFEST),
    ).rejects.toMatchObject({ code: 'SIGNATURE_UNREADABLE' });
  });
});
