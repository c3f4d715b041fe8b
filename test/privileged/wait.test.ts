import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNspawnPods, type NspawnPods } from '../helpers/nspawn-pods.ts';
import { requires } from '../helpers/requires.ts';

const NAME = 'example.com/waited';
const FLY = '--stage1-name=fly';
const script = (text: string): readonly string[] => ['--exec=/bin/sh', '--', '-c', text, '---'];
const SLEEP = script('echo ready; exec sleep 300');

describe.runIf(requires('root', 'nspawn', 'overlay', 'busybox'))('gantry wait', () => {
  let pods: NspawnPods;
  beforeAll(async () => {
    pods = createNspawnPods();
    await pods.add({ name: NAME });
  });
  afterAll(async () => {
    await pods[Symbol.asyncDispose]();
  });

  it('ends with the status of the app of an nspawn pod, while the pod ends and after it', async () => {
    const pod = await pods.start([NAME, ...script('echo ready; sleep 1; exit 7')]);
    const during = await pods.context.gantry(['wait', pod.uuid]);
    const after = await pods.context.gantry(['wait', pod.uuid.slice(0, 13)]);
    await pod.program.ended;

    expect(during).toMatchObject({ exitCode: 7, stderr: '' });
    expect(during.stdout.toString()).toBe(`${pod.uuid} 7\n`);
    expect(after.stdout.toString()).toBe(`${pod.uuid} 7\n`);
  });

  it('tells of the app that failed first', async () => {
    const pod = await pods.start([
      NAME,
      '--name=late',
      ...script('trap "exit 9" TERM; echo ready; sleep 300 & wait'),
      NAME,
      '--name=early',
      ...script('sleep 1; exit 4'),
    ]);
    const { exitCode } = await pods.context.gantry(['wait', pod.uuid]);

    expect(exitCode).toBe(4);
    expect((await pod.program.ended).exitCode).toBe(4);
  });

  it('waits for several pods, prints them as they were given, and does not invent a status', async () => {
    const [fly, nspawn] = [
      await pods.start([FLY, NAME, ...SLEEP]),
      await pods.start([NAME, ...script('echo ready; exit 3')]),
    ];
    const waiting = pods.context.gantry(['wait', fly.uuid, nspawn.uuid]);
    await nspawn.program.ended;
    fly.program.kill('SIGTERM');
    await fly.program.ended;
    const { stdout, exitCode } = await waiting;

    expect(stdout.toString()).toBe(`${fly.uuid} unknown\n${nspawn.uuid} 3\n`);
    expect(exitCode).toBe(3);
  });

  it('gives up when the time is over, and refuses what is no pod', async () => {
    const { uuid, program } = await pods.start([FLY, NAME, ...SLEEP]);
    const late = await pods.context.gantry(['wait', '--timeout=50ms', uuid]);
    const absent = await pods.context.gantry(['wait', '00000000-0000-0000-0000-000000000000']);
    program.kill('SIGKILL');
    await program.ended;

    expect(late).toMatchObject({ exitCode: 254, stdout: Buffer.alloc(0) });
    expect(late.stderr).toContain(`cannot wait longer for pod ${uuid}: it is running`);
    expect(absent).toMatchObject({ exitCode: 254 });
    expect(absent.stderr).toContain('no such pod');
  });

  it.each([
    [['wait'], 'no pod is given'],
    [['wait', '--timeout=-1s', 'a'], 'is negative'],
    [['wait', '--uuid-file=x', 'a'], 'exclude each other'],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await pods.context.gantry(args);

    expect(exitCode).toBe(254);
    expect(stderr).toContain(message);
  });
});
