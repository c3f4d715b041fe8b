import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { tarOf } from '../helpers/hostile-tar.ts';
import { INDEX_TYPE, makeLayout, MANIFEST_TYPE, type TestLayout } from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import {
  configureLogin,
  loginFile,
  type RegistryKind,
  startRegistry,
  type TestRegistry,
} from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { untilTheEnd } from '../helpers/until-the-end.ts';
import { makeSigningKey } from '../helpers/signing.ts';
import {
  cosign,
  cosignPayload,
  makeSigstoreKey,
  openFulcio,
  type SigstoreKey,
} from '../helpers/sigstore.ts';
import { BUNDLE_TYPE, makeBundle, type TestBundle } from '../helpers/sigstore-bundle.ts';

const REPOSITORY = 'team/app';

/** A machine that fetches from a registry with one image, `team/app:1`. */
interface Site {
  readonly registry: TestRegistry;
  readonly layout: TestLayout;
  readonly digest: string;
  readonly machine: PodContext;
  readonly image: string;
  gantry(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<ExecResult>;
}

async function openSite(kind: RegistryKind, stack: AsyncDisposableStack): Promise<Site> {
  const registry = stack.use(await startRegistry(kind));
  const machine = stack.use(createPodContext());
  const layout = makeLayout(join(machine.workDir, 'layout'));
  const image = layout.image({ layers: [tarOf({ path: 'a', body: 'a' })] });
  const digest = await registry.push({ repository: REPOSITORY, tag: '1' }, image, layout);
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', SSL_CERT_FILE: registry.caFile };

  return {
    registry,
    layout,
    digest,
    machine,
    image: `docker://${registry.host}/${REPOSITORY}:1`,
    gantry: async (args, more = {}) => await machine.gantry(args, { env: { ...env, ...more } }),
  };
}

/** Puts a file of the administrator's into place. */
function put({ machine }: Site, path: string, content: string | Buffer): void {
  const whole = join(machine.localConfig, path);
  mkdirSync(dirname(whole), { recursive: true });
  writeFileSync(whole, content, { mode: 0o600 });
}

const logIn = ({ machine, registry }: Site): void =>
  configureLogin(machine.localConfig, registry.host);

const possible = requires('docker-registry');

describe.runIf(possible).each(['basic', 'token'] as const)(
  'a registry that asks for a %s',
  (kind) => {
    const stack = untilTheEnd();
    let site: Site;
    beforeAll(async () => {
      site = await openSite(kind, stack);
    });

    it('is asked for nothing that the policy rejects', async () => {
      const { exitCode, stderr } = await site.gantry(['fetch', site.image]);
      expect(exitCode).toBe(254);
      expect(stderr).toContain('is rejected');
      expect(stderr).toContain('gantry trust --registry=');
    });

    it('gives an image to who proves who he is, by the files of docker and podman too', async () => {
      const { registry, machine, image } = site;
      await site.gantry(['trust', `--registry=${registry.host}`, '--accept']);
      const denied = await site.gantry(['fetch', image]);
      expect(denied.exitCode).toBe(254);
      expect(denied.stderr).toMatch(/put credentials for "localhost:\d+" into auth\.d/);

      const home = join(machine.workDir, 'home');
      mkdirSync(join(home, '.docker'), { recursive: true });
      writeFileSync(join(home, '.docker', 'config.json'), loginFile(registry.host));
      const fetched = await site.gantry(['fetch', image], { HOME: home });
      expect(fetched).toMatchObject({ exitCode: 0 });
      expect(fetched.stdout.toString()).toMatch(/^sha256-[0-9a-f]+\n$/);

      logIn(site);
      await site.gantry(['image', 'rm', fetched.stdout.toString().trim()]);
      const byDigest = `${image.replace(/:1$/, '')}@${site.digest}`;
      expect((await site.gantry(['fetch', byDigest])).stdout).toEqual(fetched.stdout);
      const other = byDigest.replace(/.{4}$/, '0000');
      expect((await site.gantry(['fetch', other])).stderr).toContain('404');
    });

    it('is not asked again for what is there, unless told to', async () => {
      const first = await site.gantry(['fetch', site.image]);
      const [again, updated] = [
        await site.gantry(['fetch', site.image]),
        await site.gantry(['fetch', '--pull-policy=update', site.image]),
      ];
      expect(again).toMatchObject({ exitCode: 0, stderr: '' });
      expect([again.stdout, updated.stdout]).toEqual([first.stdout, first.stdout]);
      const list = await site.gantry(['image', 'list', '--no-legend']);
      expect(list.stdout.toString()).toContain(`${site.registry.host}/${REPOSITORY}:1`);
    });

    it('is not passed over because another gave the same image', async () => {
      const { registry, image } = site;
      const other = `docker://${registry.host}/other/app:1`;
      expect(await site.gantry(['push', image, other])).toMatchObject({ exitCode: 0 });
      expect(await site.gantry(['fetch', other])).toMatchObject({ exitCode: 0 });
      await site.gantry(['trust', `--registry=${registry.host}/team`, '--reject']);
      const fetch = ['fetch', '--pull-policy=new'];
      expect((await site.gantry([...fetch, image])).stderr).toContain('is rejected');
      expect(await site.gantry([...fetch, other])).toMatchObject({ exitCode: 0, stderr: '' });
    });
  },
);

describe.runIf(possible)('a registry that asks for a certificate', () => {
  const stack = untilTheEnd();
  let site: Site;
  const fetch = async (env = { SSL_CERT_FILE: '' }): Promise<ExecResult> =>
    await site.gantry(['fetch', '--insecure-options=image', site.image], env);
  beforeAll(async () => {
    site = await openSite('certificate', stack);
  });

  it('is trusted, and told who one is, by the folder that is called as it', async () => {
    const { host, caFile, client } = site.registry;
    const folder = `certs.d/${host}`;
    const strange = await fetch();
    expect(strange.exitCode).toBe(254);
    expect(strange.stderr).toContain(`"${folder}/ca.crt" in a configuration directory`);
    put(site, `${folder}/ca.crt`, readFileSync(caFile));
    const unknown = await fetch();
    expect(unknown.exitCode).toBe(254);
    expect(unknown.stderr).toContain(`"${host}" wants a certificate of ours`);

    put(site, `${folder}/me.cert`, client.cert);
    expect((await fetch()).stderr).toContain('there is no "');
    put(site, `${folder}/me.key`, client.key);
    chmodSync(join(site.machine.localConfig, folder, 'me.key'), 0o644);
    const fetched = await fetch();
    expect(fetched).toMatchObject({ exitCode: 0 });
    expect(fetched.stderr).toMatch(/everybody .* may read the key ".*me\.key"/);
    put(site, 'certs.d/other.example/me.cert', 'none');
    expect(await fetch()).toMatchObject({ exitCode: 0 });
    put(site, `${folder}/me.key`, 'none');
    const broken = await site.gantry([
      'fetch',
      '--insecure-options=image',
      '--pull-policy=update',
      site.image,
    ]);
    expect(broken).toMatchObject({ exitCode: 254 });
    expect(broken.stderr).toContain('me.key": not a PEM file');
  });
});

describe.runIf(possible)('registries.conf', () => {
  const stack = untilTheEnd();
  let site: Site;
  const fetch = async (...args: readonly string[]): Promise<ExecResult> =>
    await site.gantry(['fetch', ...args], { SSL_CERT_FILE: '' });
  beforeAll(async () => {
    site = await openSite('basic', stack);
    logIn(site);
    put(site, 'policy.json', POLICY);
  });

  it('says where short names are, which mirror is asked and what is insecure', async () => {
    const { host } = site.registry;
    expect((await fetch('docker://app:1')).stderr).toContain('or say in "');
    const lines = (insecure: boolean): string => `
      unqualified-search-registries = ["reg.example"]
      [[registry]]
      location = "reg.example"
      blocked = true
      [[registry.mirror]]
      location = "${host}/team"
      insecure = ${insecure}`;
    put(site, 'registries.conf', lines(false));
    expect((await fetch('docker://app:1')).stderr).toContain('is not good');
    put(site, 'registries.conf', lines(true));
    const fetched = await fetch('--debug', 'docker://app:1');
    expect(fetched).toMatchObject({ exitCode: 0 });
    expect(fetched.stderr).toContain(`warning: the certificate of "${host}" is not checked`);
    expect(fetched.stderr).toContain(`"docker://reg.example/app:1" comes from "${host}/team/app"`);

    const list = await site.gantry(['image', 'list', '--no-legend', '--fields=name']);
    expect(list.stdout.toString()).toMatch(/^reg\.example\/app:1 *\n$/);
    expect((await fetch('docker://reg.example/app:2')).stderr).toContain('404');
    put(site, 'registries.conf.d/bad.conf', 'unqualified-search-registries = 1');
    const refused = await site.gantry(['image', 'rm', 'docker://app:1']);
    expect(refused).toMatchObject({ exitCode: 254 });
    expect(refused.stderr).toMatch(/registries\.conf\.d\/bad\.conf", line 1: /);
    const removed = await site.gantry(['image', 'rm', 'docker://reg.example/app:1']);
    expect(removed).toMatchObject({ exitCode: 0 });
  });
});

/** Judges by the name that is asked for. */
const POLICY = JSON.stringify({
  default: [{ type: 'reject' }],
  transports: { docker: { 'reg.example': [{ type: 'insecureAcceptAnything' }] } },
});

describe.runIf(possible)('signatures of images in a registry', () => {
  const stack = untilTheEnd();
  let site: Site;
  beforeAll(async () => {
    site = await openSite('basic', stack);
    logIn(site);
  });
  beforeEach(async () => {
    const { stdout } = await site.gantry(['image', 'list', '--no-legend', '--fields=id']);
    const ids = stdout.toString().split('\n').filter(Boolean);
    if (ids.length > 0) await site.gantry(['image', 'rm', ...ids]);
  });

  const demand = async (keyFile: string): Promise<void> => {
    const trust = ['trust', '--skip-fingerprint-review', `--registry=${site.registry.host}/team`];
    expect(await site.gantry([...trust, keyFile])).toMatchObject({ exitCode: 0 });
  };
  const keyFile = (name: string, text: string): string => {
    const path = join(site.machine.workDir, name);
    writeFileSync(path, text);
    return path;
  };
  /** Puts a signature beside the image as cosign does. */
  async function signWith(key: SigstoreKey, digest = site.digest): Promise<void> {
    const payload = cosignPayload(digest, `${site.registry.host}/${REPOSITORY}`);
    const config = Buffer.from('{}');
    const descriptor = (bytes: Buffer, mediaType: string) => site.layout.put(bytes, mediaType);
    const manifest = {
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: descriptor(config, 'application/vnd.oci.image.config.v1+json'),
      layers: [
        {
          ...descriptor(payload, 'application/vnd.dev.cosign.simplesigning.v1+json'),
          annotations: { 'dev.cosignproject.cosign/signature': cosign(payload, key) },
        },
      ],
    };
    const tag = `${site.digest.replace(':', '-')}.sig`;
    const place = { repository: REPOSITORY, tag };
    await site.registry.put(place, Buffer.from(JSON.stringify(manifest)), [config, payload]);
  }
  const refusal = async (): Promise<string> => {
    const { exitCode, stderr } = await site.gantry(['fetch', site.image]);
    expect(exitCode).toBe(254);
    return stderr;
  };

  it('by sigstore are demanded, checked, and demanded again when the policy changes', async () => {
    const [key, other] = [makeSigstoreKey(), makeSigstoreKey()];
    await demand(keyFile('cosign.pub', key.pem));
    expect(await refusal()).toContain('it has no sigstore signature');
    await signWith(other);
    expect(await refusal()).toContain('the signature is not good');
    await signWith(key, `sha256:${'0'.repeat(64)}`);
    expect(await refusal()).toContain('its signature is for another image');
    expect((await site.gantry(['image', 'list', '--no-legend'])).stdout.toString()).toBe('');

    await signWith(key);
    expect(await site.gantry(['fetch', site.image])).toMatchObject({ exitCode: 0 });
    expect(await site.gantry(['fetch', site.image])).toMatchObject({ exitCode: 0, stderr: '' });
    await demand(keyFile('other.pub', other.pem));
    expect(await refusal()).toContain('the signature is not good');
    const insecure = await site.gantry(['fetch', '--insecure-options=image', site.image]);
    expect(insecure).toMatchObject({ exitCode: 0 });
  });

  /** Attaches a bundle as cosign does where the registry does not list what refers to an image. */
  async function attach(bundle: TestBundle, type = BUNDLE_TYPE): Promise<void> {
    const [config, blob] = [Buffer.from('{}'), Buffer.from(JSON.stringify(bundle))];
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        artifactType: type,
        config: site.layout.put(config, 'application/vnd.oci.empty.v1+json'),
        layers: [site.layout.put(blob, type)],
      }),
    );
    const { digest } = site.layout.put(manifest, MANIFEST_TYPE);
    const listed = { mediaType: MANIFEST_TYPE, digest, size: manifest.length, artifactType: type };
    const index = { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [listed] };
    await site.registry.put({ repository: REPOSITORY, tag: digest }, manifest, [config, blob]);
    const tag = site.digest.replace(':', '-');
    const place = { repository: REPOSITORY, tag, type: INDEX_TYPE };
    await site.registry.put(place, Buffer.from(JSON.stringify(index)), []);
  }

  it('in bundles that refer to an image are found, and checked', async () => {
    const [key, other, log] = [makeSigstoreKey(), makeSigstoreKey(), makeSigstoreKey()];
    const { digest } = site;
    await demand(keyFile('bundle.pub', key.pem));
    await attach(makeBundle({ signer: other, digest }));
    expect(await refusal()).toContain('the signature is not good');
    await attach(makeBundle({ signer: key, digest: `sha256:${'0'.repeat(64)}` }));
    expect(await refusal()).toContain('its signature is for another image');
    await attach(makeBundle({ signer: key, digest }));
    const fetched = await site.gantry(['fetch', site.image]);
    expect(fetched).toMatchObject({ exitCode: 0 });
    const inspected = await site.gantry(['image', 'inspect', fetched.stdout.toString().trim()]);
    expect(inspected.stdout.toString()).toMatch(/"signer": "sha256:[0-9a-f]{64}"/);

    using fulcio = openFulcio();
    const who = { email: 'me@example.com', issuer: 'https://id.example.com' };
    const trusted = await site.gantry([
      'trust',
      '--skip-fingerprint-review',
      `--registry=${site.registry.host}/team`,
      `--fulcio-ca=${keyFile('fulcio.pem', `${fulcio.root}${fulcio.between}`)}`,
      `--rekor-key=${keyFile('rekor.pub', log.pem)}`,
      `--oidc-issuer=${who.issuer}`,
      `--subject-email=${who.email}`,
    ]);
    expect(trusted).toMatchObject({ exitCode: 0 });
    expect(await refusal()).toContain('it has no certificate');
    const late = new Date(Date.now() + 2 * 86_400_000);
    await attach(makeBundle({ signer: fulcio.issue(who), digest, log: { key: log, at: late } }));
    expect(await refusal()).toContain('its certificate was not valid');
    await attach(makeBundle({ signer: fulcio.issue(who), digest, log: { key: log } }));
    expect(await site.gantry(['fetch', site.image])).toMatchObject({ exitCode: 0 });
  });

  it('by OpenPGP are found where registries.d says', async () => {
    const [key, other] = [
      await makeSigningKey({ name: 'signer' }),
      await makeSigningKey({ name: 'other' }),
    ];
    await demand(keyFile('key.asc', key.publicKeyArmored));
    const { workDir, localConfig } = site.machine;
    const place = join(workDir, 'lookaside', `${REPOSITORY}@${site.digest.replace(':', '=')}`);
    mkdirSync(place, { recursive: true });
    mkdirSync(join(localConfig, 'registries.d'));
    writeFileSync(
      join(localConfig, 'registries.d', 'a.yaml'),
      `docker:\n  ${site.registry.host}:\n    lookaside: file://${join(workDir, 'lookaside')}\n`,
    );
    expect(await refusal()).toContain('it has no simple signature');

    const claim = (reference: string): Buffer =>
      Buffer.from(
        cosignPayload(site.digest, reference)
          .toString()
          .replace('cosign container image', 'atomic container')
          .replace('"optional":null', '"optional":{}'),
      );
    const name = `${site.registry.host}/${REPOSITORY}:1`;
    writeFileSync(join(place, 'signature-1'), await other.signMessage(claim(name)));
    expect(await refusal()).toContain('none of those in the policy');
    writeFileSync(join(place, 'signature-2'), await key.signMessage(claim(`${name}.1`)));
    expect(await refusal()).toContain('none of those in the policy');
    writeFileSync(join(place, 'signature-3'), await key.signMessage(claim(name)));
    expect(await site.gantry(['fetch', site.image])).toMatchObject({ exitCode: 0 });
  });
});
