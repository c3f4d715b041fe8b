import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNspawnPods, type NspawnPods, type StartedPod } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/enter/fly';

describe.runIf(requires('root', 'overlay', 'busybox'))('gantry enter (fly)', () => {
  let pods: NspawnPods;
  let pod: StartedPod;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({
      name: NAME,
      app: {
        user: '1000',
        group: '100',
        workingDirectory: '/tmp',
        environment: [{ name: 'COLOUR', value: 'blue' }],
      },
      prepare(root) {
        mkdirSync(join(root, 'closed'));
        writeFileSync(join(root, 'closed/program'), '#!/bin/sh\n', { mode: 0o755 });
        chmodSync(join(root, 'closed'), 0o700);
      },
    });
    pod = await pods.start([
      '--stage1-name=fly',
      NAME,
      '--exec=/bin/sh',
      '--',
      '-c',
      'echo ready; exec sleep 300',
    ]);
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  const enter = async (...args: readonly string[]): Promise<string> => {
    const { stdout, stderr } = await pods.context.gantry(['enter', ...args]);
    return `${stdout.toString()}${stderr}`;
  };

  it('runs a command as the app runs', async () => {
    const text = await enter(pod.uuid, '/bin/sh', '-c', 'id -u; id -g; pwd; echo $COLOUR $HOME');

    expect(text).toBe('1000\n100\n/tmp\nblue /tmp\n');
  });

  it('takes another user, group, directory and further variables', async () => {
    const flags = ['--user=root', '--group=users', '--working-dir=/etc', '--env=COLOUR=red'];
    const text = await enter(
      ...flags,
      pod.uuid,
      '/bin/sh',
      '-c',
      'id -u; id -g; pwd; echo $COLOUR',
    );

    expect(text).toBe('0\n100\n/etc\nred\n');
  });

  it.each([
    [['--user=nobody-knows'], 'cannot run as user "nobody-knows": no such user'],
    [['--working-dir=/nowhere'], 'no such directory'],
    [['--working-dir=/closed'], 'cannot run app "fly" in "/closed": permission denied'],
  ])('refuses %j', async (flags, message) => {
    expect(await enter(...flags, pod.uuid, '/bin/true')).toContain(message);
  });
});
