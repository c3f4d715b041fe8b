import { describe, expect, it } from 'vitest';
import type { PrepareRequest } from '../operations/requests.ts';
import { globalOptions } from './global-options.ts';
import { optionValues } from './option.ts';
import { PREPARE_OPTIONS, RUN_OPTIONS } from './pod-options.ts';
import { parsePodLine, readPrepareRequest, readRunOptions } from './pod-request.ts';

async function prepare(...args: readonly string[]): Promise<PrepareRequest> {
  const line = parsePodLine(args, PREPARE_OPTIONS);
  const values = optionValues(line.tokens, PREPARE_OPTIONS);

  return await readPrepareRequest(line, values, globalOptions(line.tokens));
}

async function runOptions(...args: readonly string[]): ReturnType<typeof readRunOptions> {
  const { tokens } = parsePodLine(args, RUN_OPTIONS);

  return await readRunOptions(optionValues(tokens, RUN_OPTIONS));
}

describe('readPrepareRequest()', () => {
  it('reads every flag', async () => {
    const request = await prepare(
      '--mount=volume=all,target=/all',
      '--volume=all,kind=empty,mode=0700,uid=1,gid=2',
      '--volume=data,kind=host,source=/srv/a,b&c%d,readOnly=true,recursive=false',
      '--set-env=A=b=c',
      '--set-env-file=/env',
      '--inherit-env',
      '--no-overlay',
      '--stage1-name=fly',
      '--pull-policy=never',
      '--insecure-options=image,all-run',
      'example.com/a',
      '--exec=/bin/sh',
      '--name=first',
      '--user=/etc/passwd',
      '--group=7',
      '--supplementary-gids=1,2',
      '--working-dir=/tmp/',
      '--readonly-rootfs=true',
      '--stdin=stream',
      '--stdout=null',
      '--mount=volume=data,target=/data',
      '--environment=X=',
      '--annotation=a/b=c',
      '--user-annotation=Any Thing=x',
      '--user-label=l=m',
      '--signature=a.asc',
      '--',
      '-c',
      '',
      '---',
      'b',
    );

    expect(request).toEqual({
      apps: [
        {
          image: 'example.com/a',
          args: ['-c', ''],
          signature: 'a.asc',
          exec: '/bin/sh',
          name: 'first',
          workingDir: '/tmp',
          stdio: { stdin: 'stream', stdout: 'null' },
          readOnlyRootfs: true,
          mounts: [{ volume: 'data', target: '/data' }],
          user: '/etc/passwd',
          group: '7',
          supplementaryGids: [1, 2],
          annotations: { 'a/b': 'c' },
          userAnnotations: { 'Any Thing': 'x' },
          userLabels: { l: 'm' },
          environment: { X: '' },
        },
        expect.objectContaining({ image: 'b', args: [], mounts: [] }),
      ],
      mounts: [{ volume: 'all', target: '/all' }],
      ports: [],
      volumes: [
        { name: 'all', kind: 'empty', mode: '0700', uid: 1, gid: 2 },
        { name: 'data', kind: 'host', source: '/srv/a,b&c%d', readOnly: true, recursive: false },
      ],
      podManifest: undefined,
      noOverlay: true,
      inheritEnv: true,
      setEnv: { A: 'b=c' },
      setEnvFiles: ['/env'],
      stage1: { kind: 'name', value: 'fly' },
      pullPolicy: 'never',
      insecure: {
        image: true,
        tls: false,
        http: false,
        pubkey: false,
        capabilities: true,
        paths: true,
        seccomp: true,
      },
      unsupported: [],
    });
  });

  it('names what is valid and still to come', async () => {
    const request = await prepare(
      '--private-users',
      'a',
      '--memory=512Mi',
      '--cpu=500m',
      '--cpu-shares=2',
      '--caps-retain=CAP_NET_ADMIN',
      '--oom-score-adj=-1000',
      '--seccomp=mode=retain,errno=EPERM,@rkt/default-whitelist,mount',
      'b',
      '--caps-remove=CAP_KILL,CAP_CHOWN',
      '--memory=4096',
    );

    expect(request.unsupported.toSorted()).toEqual(
      [
        '--private-users',
        '--memory',
        '--cpu',
        '--cpu-shares',
        '--caps-retain',
        '--seccomp',
        '--oom-score-adj',
        '--caps-remove',
      ].toSorted(),
    );
  });

  it.each([
    [[], /no image is given/],
    [['--pod-manifest=m', 'a'], /--pod-manifest and an image exclude/],
    [['--pod-manifest=m', '--volume=a,kind=empty'], /--pod-manifest and --volume exclude/],
    [['--pod-manifest=m', '--set-env=a=b'], /--pod-manifest and --set-env exclude/],
    [['--pod-manifest=m', '--store-only'], /--pod-manifest and --pull-policy exclude/],
    [['a', '--pull-policy=often'], /unknown policy "often"/],
    [['a', '--store-only', '--no-store'], /exclude each other/],
    [['a', '--stage1-name=a', '--stage1-path=b'], /more than one stage1/],
    [['a', '--stage1-hash='], /--stage1-hash needs a value/],
    [['a', '--set-env=x'], /not NAME=VALUE/],
    [['a', '--set-env==x'], /not NAME=VALUE/],
    [['a', '--set-env=a b=c'], /no name of a variable/],
    [['a', '--set-env=a=b', '--set-env=a=c'], /"a" is given twice/],
    [['a', '--name=Upper'], /"Upper" is no name/],
    [['a', '--name=x', '--name=y'], /--name is given twice for image "a"/],
    [['a', '--exec='], /--exec needs a value/],
    [['a', '--working-dir=x'], /no absolute path/],
    [['a', '--mount=volume=x,target=y'], /no absolute path/],
    [['a', '--mount=volume=x,target=/a/../b'], /leads through "\.\."/],
    [['a', '--mount=volume=x'], /not volume=NAME,target=PATH/],
    [['a', '--mount=volume=x,target=/y,mode=1'], /unknown key "mode"/],
    [['a', '--supplementary-gids=1,x'], /no whole number/],
    [['a', '--supplementary-gids=4294967295'], /no whole number/],
    [['a', '--readonly-rootfs=maybe'], /either true or false/],
    [['a', '--volume=v'], /not NAME,kind=/],
    [['a', '--volume=v,source=/x'], /has no kind/],
    [['a', '--volume=v,kind=tmpfs'], /unknown kind "tmpfs"/],
    [['a', '--volume=v,kind=host'], /has no source/],
    [['a', '--volume=v,kind=host,source=x'], /no absolute path/],
    [['a', '--volume=v,kind=host,source=/x,mode=0755'], /"mode" means nothing/],
    [['a', '--volume=v,kind=empty,source=/x'], /"source" means nothing/],
    [['a', '--volume=v,kind=empty,mode=999'], /octal/],
    [['a', '--volume=v,kind=empty', '--volume=v,kind=empty'], /"v" is given twice/],
    [['a', '--port=www'], /NAME:\[HOSTIP:\]HOSTPORT/],
    [['a', '--port=www:0'], /no whole number/],
    [['a', '--port=www:x:80'], /no address of the host/],
    [['a', '--memory=many'], /cannot read --memory: "many"/],
    [['a', '--memory=100'], /cannot read --memory: "100"/],
    [['a', '--cpu-shares=1'], /cannot read --cpu-shares/],
    [['a', '--oom-score-adj=1001'], /cannot read --oom-score-adj/],
    [['a', '--caps-retain=CAP_KILL', '--caps-remove=CAP_KILL'], /exclude each other/],
    [['a', '--caps-retain=kill'], /cannot read --caps-retain/],
    [['a', '--seccomp=retain,mount'], /cannot read --seccomp/],
    [['a', '--seccomp=mode=retain'], /cannot read --seccomp/],
    [['a', '--stdin=log'], /unknown mode "log"/],
    [['a', '--stdout=interactive'], /unknown mode "interactive"/],
    [['--insecure-options=images', 'a'], /unknown word "images"/],
  ])('rejects %j', async (args, message) => {
    await expect(prepare(...args)).rejects.toThrow(message);
  });
});

describe('readRunOptions()', () => {
  it('reads every flag', async () => {
    const { options, unsupported } = await runOptions(
      '--net=a:IP=1;M=2,b',
      '--net',
      '--hostname=web-1.example',
      '--interactive',
      '--dns=8.8.8.8,::1',
      '--dns-search=a.b',
      '--dns-opt=ndots:2',
      '--dns-domain=example',
      '--hosts-entry=1.2.3.4=a,::1=b',
      '--hosts-entry=1.2.3.4=c',
      '--ipc=auto',
      '--mds-register=false',
    );

    expect(options).toEqual({
      net: ['a:IP=1;M=2', 'b', 'default'],
      hostname: 'web-1.example',
      interactive: true,
      dns: {
        servers: ['8.8.8.8', '::1'],
        search: ['a.b'],
        options: ['ndots:2'],
        domain: 'example',
      },
      hosts: [
        { ip: '1.2.3.4', names: ['a', 'c'] },
        { ip: '::1', names: ['b'] },
      ],
    });
    expect(unsupported).toEqual([]);
  });

  it('tells absent from given', async () => {
    const { options } = await runOptions('a');

    expect(options.net).toBeUndefined();
    expect(options.hosts).toBeUndefined();
    expect(options.dns.servers).toBeUndefined();
  });

  it('names what is valid and still to come', async () => {
    expect((await runOptions('--ipc=parent', '--mds-register')).unsupported).toEqual([
      '--ipc=parent',
      '--mds-register',
    ]);
  });

  it('takes a host name as long as Linux does, in one part or in several', async () => {
    for (const hostname of ['a'.repeat(64), `${'a'.repeat(32)}.${'b'.repeat(31)}`]) {
      expect(await runOptions(`--hostname=${hostname}`)).toMatchObject({ options: { hostname } });
    }
  });

  it.each([
    [['--net=a,a'], /"a" is given twice/],
    [['--net=a', '--net=a:x=y'], /"a" is given twice/],
    [['--net='], /without a name/],
    [['--net=host:a=b'], /takes no arguments/],
    [['--net=host,default'], /"host" must be alone/],
    [['--net=default', '--net=none'], /"none" must be alone/],
    [['--net=a:b'], /not KEY=VALUE/],
    [['--dns=host,8.8.8.8'], /"host" must be alone/],
    [['--dns=none', '--dns-search=a'], /leaves no room/],
    [['--dns=example.com'], /no IP address/],
    [['--dns-search=a b'], /no word/],
    [['--hosts-entry=host,1.2.3.4=a'], /"host" must be alone/],
    [['--hosts-entry=1.2.3.4'], /not IP=NAME/],
    [['--hosts-entry=1.2.3.4=a b'], /not IP=NAME/],
    [['--hostname=a_b-'], /no host name/],
    [['--hostname=a_b'], /no host name/],
    [[`--hostname=${'a'.repeat(65)}`], /no host name/],
    [['--ipc=shared'], /unknown mode "shared"/],
  ])('rejects %j', async (args, message) => {
    await expect(runOptions(...args)).rejects.toThrow(message);
  });
});
