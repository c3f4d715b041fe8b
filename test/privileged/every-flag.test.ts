import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult } from '#base/exec/exec';
import { file } from '../doubles/image-server.ts';
import { makeImage } from '../helpers/image-maker.ts';
import { GANTRY, type PodContext } from '../helpers/pod-context.ts';
import { type Refusals, startRefusals } from '../helpers/refusals.ts';
import { requires } from '../helpers/requires.ts';
import { readFacts } from '../probe/verbs.ts';

// Every flag of `rkt run` either works or is refused by its name.

const NAME = 'example.com/flags';
const FLY = join(dirname(GANTRY), 'stage1', 'stage1-fly.aci');

const words = (text: string): readonly string[] => text.split(/\s+/);

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry run', () => {
  let bench: Refusals;
  let machine: PodContext;
  const gantry = async (...args: readonly string[]): Promise<ExecResult> => {
    const env = { ...bench.publisher.env, no_proxy: 'localhost', CALLER: 'yes' };
    return await bench.publisher.gantry(args, { env });
  };
  beforeAll(async () => {
    bench = await startRefusals();
    ({ machine } = bench.publisher);
    const path = await makeImage(machine.workDir, {
      name: NAME,
      app: { exec: ['/bin/echo', 'hello'] },
    });
    await bench.publisher.key.signDetached(path, `${path}.asc`);
    expect((await gantry('fetch', path)).exitCode).toBe(0);
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
  });

  it('names every flag in its help, but for old and experimental spellings', async () => {
    const help = (await gantry('help', 'run')).stdout.toString();
    const flags = words(`net port volume hostname dns dns-search dns-opt dns-domain hosts-entry
      inherit-env set-env set-env-file interactive ipc mds-register no-overlay private-users
      pod-manifest pull-policy uuid-file-save stage1-url stage1-path stage1-name stage1-hash
      stage1-from-dir signature exec working-dir readonly-rootfs mount user group
      supplementary-gids name annotation user-annotation user-label environment memory cpu
      cpu-shares caps-retain caps-remove seccomp oom-score-adj stdin stdout stderr debug dir insecure-options`);

    expect(flags.filter((flag) => !new RegExp(`^ +--${flag}\\b`, 'm').test(help))).toEqual([]);
  });

  it('says how an app is given arguments, where a word of its seems to be an image', async () => {
    const { exitCode, stderr } = await gantry('run', '--pull-policy=never', NAME, 'sh');

    expect(exitCode).toBe(254);
    expect(stderr).toContain('"sh" is taken for an image: arguments of an app follow "--"');
  });

  it.each([
    [['--private-users', '--no-overlay'], '--private-users'],
    [['--mds-register'], '--mds-register'],
    [['--ipc=private'], '--ipc=private'],
    [['--ipc=parent'], '--ipc=parent'],
    [[NAME, '--memory=64M'], '--memory'],
    [[NAME, '--cpu=500m'], '--cpu'],
    [[NAME, '--cpu-shares=512'], '--cpu-shares'],
    [[NAME, '--caps-retain=CAP_KILL'], '--caps-retain'],
    [[NAME, '--caps-remove=CAP_KILL'], '--caps-remove'],
    [[NAME, '--cap-retain=CAP_KILL'], '--cap-retain'],
    [[NAME, '--seccomp=mode=remove,errno=EPERM,mount'], '--seccomp'],
    [[NAME, '--oom-score-adj=100'], '--oom-score-adj'],
  ])('refuses %j by name', async (flags, name) => {
    const image = flags.includes(NAME) ? [] : [NAME];
    const result = await gantry('run', ...flags, ...image);

    expect(result.stderr).toMatch(/not supported/);
    expect(result.stderr).toContain(name);
    expect(result.stderr).toMatch(/^hint: /m);
    expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
  });

  it('takes the defaults of what is not there yet', async () => {
    const defaults = ['--ipc=auto', NAME, '--stdin=null', '--stdout=log', '--stderr=log'];

    expect((await gantry('run', '--stage1-name=fly', ...defaults)).exitCode).toBe(0);
  });

  it('does all that is asked at once', async () => {
    const variables = join(machine.workDir, 'variables');
    writeFileSync(variables, '# comment\nFROM_FILE=file\n\n; another\nBOTH=file\n');
    const data = join(machine.workDir, 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'file'), 'from the host\n');
    const uuidFile = join(machine.workDir, 'uuid');
    const pod = words(`--net=none --hostname=pod.example --uuid-file-save=${uuidFile}
      --dns=192.0.2.1 --dns=192.0.2.2 --dns-search=example.com --dns-opt=ndots:2
      --dns-domain=example.org --hosts-entry=192.0.2.3=one,192.0.2.3=two
      --inherit-env --set-env=SET=set --set-env-file=${variables}
      --pull-policy=never --no-overlay --stage1-name=nspawn
      --volume=data,kind=host,source=${data},readOnly=true --volume=empty,kind=empty
      --mount=volume=empty,target=/empty`);
    const app = words(`${NAME} --mount=volume=data,target=/data --exec=/bin/sh --name=probe
      --user=user --group=100 --supplementary-gids=200 --working-dir=/tmp
      --readonly-rootfs=true --environment=BOTH=app --annotation=a/b=c --user-label=tier=web`);
    const script = `probe environment identity directory hostname resolv hosts
      cat /data/file; touch /empty/x; touch /x || echo read-only`;
    const result = await gantry(
      'run',
      ...pod,
      ...app,
      '--user-annotation=Any Thing=x',
      '--',
      '-c',
      script,
    );
    const facts = readFacts(result.stdout.toString().replaceAll(/^\S+\[\d+\]: /gm, ''));
    const told = result.stdout.toString();

    expect(result.exitCode).toBe(0);
    expect(facts.get('environment')).toEqual(
      expect.arrayContaining(['CALLER=yes', 'SET=set', 'FROM_FILE=file', 'BOTH=app']),
    );
    expect(facts.get('identity')).toEqual(['1000', '100', '100 200']);
    expect(facts.get('directory')).toEqual(['/tmp']);
    expect(facts.get('hostname')).toEqual(['pod.example']);
    expect(facts.get('resolv')).toEqual(
      expect.arrayContaining([
        'nameserver 192.0.2.1',
        'nameserver 192.0.2.2',
        'search example.com',
        'options ndots:2',
        'domain example.org',
      ]),
    );
    expect(told).toMatch(/192\.0\.2\.3\s+one\s+two/);
    expect(told).toContain('from the host');
    expect(told).toContain('read-only');

    const uuid = readFileSync(uuidFile, 'utf8').trim();
    const manifest = JSON.parse((await gantry('cat-manifest', uuid)).stdout.toString()) as {
      readonly apps: readonly object[];
    };
    expect(manifest.apps[0]).toMatchObject({
      name: 'probe',
      readOnlyRootFS: true,
      annotations: expect.arrayContaining([{ name: 'a/b', value: 'c' }]),
      app: { userAnnotations: { 'Any Thing': 'x' }, userLabels: { tier: 'web' } },
    });
  });

  describe('with a stage1 by', () => {
    const says = { exitCode: 0, stdout: Buffer.from('hello\n') };

    it('path of one that came with the program, or its file name', async () => {
      expect(await gantry('run', `--stage1-path=${FLY}`, NAME)).toMatchObject(says);
      expect(await gantry('run', '--stage1-from-dir=stage1-fly.aci', NAME)).toMatchObject(says);
    });

    it('hash and image name, from the store', async () => {
      const list = await gantry('image', 'list', '--full', '--no-legend', '--fields=id,name');
      const [, id = '', name = ''] =
        /^(\S+) +(\S*stage1\S*fly\S*)$/m.exec(list.stdout.toString()) ?? [];

      expect(await gantry('run', `--stage1-hash=${id.slice(0, 30)}`, NAME)).toMatchObject(says);
      expect(await gantry('run', `--stage1-name=${name}`, NAME)).toMatchObject(says);
    });

    it('address, with a signature and not without', async () => {
      const { server, key } = bench.publisher;
      const data = readFileSync(FLY);
      server.on('/fly.aci', file(data));
      const url = `--stage1-url=${server.origin}/fly.aci`;
      expect((await gantry('run', url, NAME)).stderr).toMatch(/cannot verify image .*fly\.aci/);

      server.on('/fly.aci.asc', file(await key.sign(data)));
      expect(await gantry('run', url, NAME)).toMatchObject(says);
    });

    it('path elsewhere, with a signature and not without', async () => {
      const copy = join(machine.workDir, 'copy.aci');
      copyFileSync(FLY, copy);
      expect((await gantry('run', `--stage1-path=${copy}`, NAME)).exitCode).toBe(254);

      await bench.publisher.key.signDetached(copy, `${copy}.asc`);
      expect(await gantry('run', `--stage1-path=${copy}`, NAME)).toMatchObject(says);
    });

    it('configuration', async () => {
      const folder = join(machine.localConfig, 'stage1.d');
      const document = { rktKind: 'stage1', rktVersion: 'v1', location: FLY };
      mkdirSync(folder);
      writeFileSync(join(folder, 'fly.json'), JSON.stringify(document));

      expect(await gantry('run', '--net=host', NAME)).toMatchObject(says);
      writeFileSync(join(folder, 'fly.json'), JSON.stringify({ ...document, location: '/no.aci' }));
      expect((await gantry('run', '--net=host', NAME)).stderr).toMatch(
        /cannot use stage1 image "\/no\.aci": no such/,
      );
    });

    it.each([
      [
        '--stage1-path=/no/such.aci',
        /cannot use stage1 image "\/no\/such\.aci": no such file\nhint:/,
      ],
      ['--stage1-name=qemu', /cannot use flavor "qemu"[^]*hint: .*fly and nspawn/],
      ['--stage1-hash=sha512-00', /cannot find image "sha512-00"/],
      [`--stage1-name=${NAME}`, /stage1/],
    ])('%s and refuses it', async (flag, message) => {
      const result = await gantry('run', flag, NAME);

      expect(result.stderr).toMatch(message);
      expect(result).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
    });
  });

  it('takes its own stage1 whatever the limits on images are', async () => {
    bench.limit({ 'image-bytes': 1000, 'image-entries': 3 });
    await gantry('gc', '--grace-period=0s');
    const { stdout } = await gantry('image', 'list', '--no-legend', '--fields=id,name');
    const own = [...stdout.toString().matchAll(/^(\S+) .*stage1/gm)];
    expect(own).toHaveLength(2);
    for (const [, id = ''] of own) {
      expect((await gantry('image', 'rm', id)).exitCode).toBe(0);
    }

    expect((await gantry('run', '--stage1-name=nspawn', NAME)).exitCode).toBe(0);
  });
});
