import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { tarOf } from '../helpers/hostile-tar.ts';
import { makeLayout, type WrittenImage } from '../helpers/oci-layout.ts';
import { createPodContext, type PodContext } from '../helpers/pod-context.ts';
import {
  configureLogin,
  loginFile,
  startRegistry,
  type TestRegistry,
} from '../helpers/registry.ts';
import { requires } from '../helpers/requires.ts';
import { untilTheEnd } from '../helpers/until-the-end.ts';

const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** A machine with an image in its store, and a registry that asks who one is. */
interface Site {
  readonly registry: TestRegistry;
  readonly machine: PodContext;
  readonly image: WrittenImage;
  /** Of the image in the store. */
  readonly key: string;
  gantry(...args: readonly string[]): Promise<ExecResult>;
  skopeo(...args: readonly string[]): Promise<string>;
}

async function openSite(kind: 'basic' | 'token', stack: AsyncDisposableStack): Promise<Site> {
  const registry = stack.use(await startRegistry(kind));
  const machine = stack.use(createPodContext());
  const at = (name: string): string => join(machine.workDir, name);
  const layout = makeLayout(at('layout'));
  const layers = ['a', 'b', 'c'].map((path) => tarOf({ path, body: path.repeat(100_000) }));
  const image = layout.image({ layers });
  layout.index({ it: image.descriptor });
  const env = { PATH, SSL_CERT_FILE: registry.caFile };
  const gantry = async (...args: readonly string[]): Promise<ExecResult> =>
    await machine.gantry(['--insecure-options=image', ...args], { env });
  const fetched = await gantry('fetch', `oci:${at('layout')}:it`);
  writeFileSync(at('auth.json'), loginFile(registry.host));

  return {
    registry,
    machine,
    image,
    key: fetched.stdout.toString().trim(),
    gantry,
    skopeo: async (...args) => {
      const argv = ['skopeo', ...args, `--authfile=${at('auth.json')}`] as const;
      const result = await nodeExec.run({ argv, env: { ...env, HOME: machine.workDir } });
      demandSuccess(result, argv.join(' '));
      return result.stdout.toString();
    },
  };
}

const logIn = ({ machine, registry }: Site, password?: string): void =>
  configureLogin(machine.localConfig, registry.host, password);

describe.runIf(requires('docker-registry', 'oci-tools')).each(['basic', 'token'] as const)(
  'gantry push to a registry that asks for a %s',
  (kind) => {
    const stack = untilTheEnd();
    let site: Site;
    beforeAll(async () => {
      site = await openSite(kind, stack);
    });
    const place = (name: string): string => `docker://${site.registry.host}/${name}`;
    const inspect = async (name: string): Promise<string> =>
      await site.skopeo('inspect', '--no-tags', '--format={{.Digest}}', place(name));

    it('is refused to who proves nothing, or the wrong thing', async () => {
      const hint = /auth\.d, for "localhost:\d+", or log in with docker or podman/;
      const unknown = await site.gantry('push', site.key, place('team/app:1'));
      expect(unknown).toMatchObject({ exitCode: 254, stdout: Buffer.from('') });
      expect(unknown.stderr).toMatch(hint);
      logIn(site, 'wrong');
      const wrong = await site.gantry('push', site.key, place('team/app:1'));
      expect(wrong.exitCode).toBe(254);
      expect(wrong.stderr).toMatch(hint);
      logIn(site);
    });

    it('gives others the same image, by tag and by digest', async () => {
      const { digest } = site.image.descriptor;
      const pushed = await site.gantry('push', site.key, place('team/app:1'));
      expect(pushed).toMatchObject({ exitCode: 0, stdout: Buffer.from(`${digest}\n`) });
      expect(pushed.stderr.match(/pushing sha256:\w+: .*done/g)).toHaveLength(3);
      expect(await inspect('team/app:1')).toBe(`${digest}\n`);

      const byDigest = `team/other@${digest}`;
      expect(await site.gantry('push', site.key, place(byDigest))).toMatchObject({ exitCode: 0 });
      expect(await inspect(byDigest)).toBe(`${digest}\n`);
      const another = `team/other@sha256:${'0'.repeat(64)}`;
      expect((await site.gantry('push', site.key, place(another))).stderr).toContain(
        `its manifest has the digest ${digest}`,
      );
    });

    it('goes to the name that is typed, of several', async () => {
      logIn(site);
      const names = ['named/first:1', 'named/second:1'].map(place);
      for (const name of names) await site.gantry('push', site.key, name);
      for (const name of names) await site.gantry('fetch', name);
      const moved = { ...site.image.manifest, annotations: { moved: 'yes' } };
      const tag = { repository: 'named/first', tag: '1' };
      await site.registry.put(tag, Buffer.from(JSON.stringify(moved)), []);
      const typed = `${site.registry.host}/named/first:1`;
      expect(await site.gantry('push', typed)).toMatchObject({ exitCode: 0 });
      expect(await inspect('named/first:1')).toBe(`${site.image.descriptor.digest}\n`);
    });

    it('sends nothing twice, and takes over what another repository has', async () => {
      const { digest } = site.image.descriptor;
      const again = await site.gantry('push', site.key, place('team/app:2'));
      expect(again).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('pushing') });

      await site.gantry('fetch', place('team/app:1'));
      const moved = await site.gantry('--debug', 'push', site.key, place('other/place:1'));
      expect(moved).toMatchObject({ exitCode: 0, stderr: expect.not.stringContaining('pushing') });
      expect(moved.stderr.match(/is taken over from "team\/app"/g)).toHaveLength(3);
      expect(await inspect('other/place:1')).toBe(`${digest}\n`);
    });

    it('knows where an image came from', async () => {
      const name = `${site.registry.host}/team/app:1`;
      const { digest } = site.image.descriptor;
      expect(await site.gantry('push', name)).toMatchObject({
        exitCode: 0,
        stdout: Buffer.from(`${digest}\n`),
      });
    });

    it('does not send a layer that is damaged or gone', async () => {
      await site.gantry('fetch', `oci:${join(site.machine.workDir, 'layout')}:it`);
      const [layer = ''] = site.image.manifest.layers.map((each) => each.digest);
      const name = layer.replace(':', '-');
      const folder = join(site.machine.dataDir, 'cas/blob', name.slice(0, 6), name.slice(7, 9));
      const good = readFileSync(join(folder, name));
      const bad = Buffer.from(good);
      bad[bad.length - 1] = (bad.at(-1) ?? 0) ^ 1;
      writeFileSync(join(folder, name), bad);
      const refused = await site.gantry('push', site.key, place('damaged/app:1'));
      writeFileSync(join(folder, name), good);
      expect(refused.exitCode).toBe(254);
      expect(refused.stderr).toContain(`its blob ${layer} is damaged`);
      expect(refused.stderr).toContain('fetch it again');
      await expect(inspect('damaged/app:1')).rejects.toThrow('manifest unknown');
    });
  },
);

describe.runIf(requires('docker-registry', 'oci-tools'))('gantry push', () => {
  const stack = untilTheEnd();
  let site: Site;
  beforeAll(async () => {
    site = await openSite('basic', stack);
  });
  const at = (name: string): string => join(site.machine.workDir, name);

  it.each([
    ['oci:LAYOUT:v1', 'oci:LAYOUT:v1'],
    ['oci:LAYOUT:v2', 'oci:LAYOUT:v2'],
    ['oci-archive:oci.tar:v1', 'oci-archive:oci.tar:v1'],
  ])('writes %s, which skopeo reads', async (to, from) => {
    const { digest } = site.image.descriptor;
    const placed = (text: string): string => text.replace(/:(\w+)/, `:${site.machine.workDir}/$1`);
    const pushed = await site.gantry('push', site.key, placed(to));
    expect(pushed).toMatchObject({ exitCode: 0, stdout: Buffer.from(`${digest}\n`) });
    expect(await site.skopeo('inspect', '--format={{.Digest}}', placed(from))).toBe(`${digest}\n`);
    expect(readdirSync(site.machine.workDir).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('writes a docker-archive, whose image has the same configuration', async () => {
    const pushed = await site.gantry('push', site.key, `docker-archive:${at('d.tar')}:x/y:1`);
    const config = site.image.manifest.config.digest;
    expect(pushed).toMatchObject({ exitCode: 0, stdout: Buffer.from(`${config}\n`) });
    const raw = await site.skopeo('inspect', '--raw', `docker-archive:${at('d.tar')}:x/y:1`);
    const read = JSON.parse(raw) as { config: { digest: string }; layers: { digest: string }[] };
    expect(read.config.digest).toBe(config);
    expect(read.layers.map(({ digest }) => digest)).toEqual(site.image.diffIds);
  });

  it('replaces an archive only when told to, and no directory that is no layout', async () => {
    writeFileSync(at('mine.tar'), 'mine');
    const to = `oci-archive:${at('mine.tar')}`;
    expect((await site.gantry('push', site.key, to)).stderr).toContain('use --overwrite');
    expect(readFileSync(at('mine.tar'), 'utf8')).toBe('mine');
    expect(await site.gantry('push', '--overwrite', site.key, to)).toMatchObject({ exitCode: 0 });

    mkdirSync(at('full'));
    writeFileSync(at('full/mine'), '');
    const refused = await site.gantry('push', site.key, `oci:${at('full')}`);
    expect(refused.stderr).toContain('it is not empty, and no OCI layout');
    expect(readdirSync(at('full'))).toEqual(['mine']);
  });

  it.each([
    [['nothing'], 'cannot find image "nothing" in the store'],
    [['localhost:5000/nothing:1'], 'cannot find image "localhost:5000/nothing:1" in the store'],
    [['KEY'], 'it has no name in a registry\nhint: name a destination'],
    [['KEY', 'https://localhost/x.aci'], 'it is no place for OCI images'],
    [['KEY', 'docker://app'], 'hint: for Docker Hub write docker://docker.io/library/app'],
    [['KEY', 'docker://localhost:1/App'], 'not the name of a repository'],
    [['KEY', 'docker://localhost:1/app'], 'ECONNREFUSED'],
    [['KEY', 'oci-archive:/nowhere/x.tar'], 'there is no such directory'],
    [['KEY', 'oci:/proc/x'], 'cannot push to "/proc/x"'],
  ])('refuses %j', async (words, state) => {
    const given = words.map((word) => (word === 'KEY' ? site.key : word));
    const refused = await site.gantry('push', ...given);
    expect(refused).toMatchObject({ exitCode: 254, stdout: Buffer.from('') });
    expect(refused.stderr).toContain(state);
  });

  it('goes where registries.conf says, and not where that blocks it', async () => {
    logIn(site);
    const { host } = site.registry;
    writeFileSync(
      join(site.machine.localConfig, 'registries.conf'),
      `[[registry]]\nprefix = "there.example/team"\nlocation = "${host}/moved"\n[[registry.mirror]]\nlocation = "localhost:1/x"\n[[registry]]\nprefix = "no.example"\nlocation = "no.example"\nblocked = true\n`,
    );
    const pushed = await site.gantry('push', site.key, 'docker://there.example/team/app:1');
    expect(pushed).toMatchObject({ exitCode: 0 });
    const moved = `docker://${host}/moved/app:1`;
    expect(await site.skopeo('inspect', '--format={{.Digest}}', moved)).toBe(
      `${site.image.descriptor.digest}\n`,
    );
    const blocked = await site.gantry('push', site.key, 'docker://no.example/app:1');
    expect(blocked).toMatchObject({ exitCode: 254 });
    expect(blocked.stderr).toContain('blocked');
  });
});
