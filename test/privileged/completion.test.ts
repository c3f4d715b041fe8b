import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { createFlyPods, type FlyPods } from '../helpers/fly-pods.ts';
import { typeInto } from '../helpers/interactive-shell.ts';
import { GANTRY } from '../helpers/pod-context.ts';
import { requires } from '../helpers/requires.ts';

const IMAGE = 'example.com/web';
/** Ctrl+A, so that the completed line becomes the arguments of another command. */
const TO_THE_BEGINNING = '\u0001';

describe.runIf(requires('root', 'overlay', 'busybox', 'bash', 'zsh', 'fish'))(
  'gantry completion',
  () => {
    let pods: FlyPods;
    let path: string;
    let dir: string;
    beforeAll(async () => {
      pods = createFlyPods();
      await pods.add({ name: IMAGE });
      const { context } = pods;
      symlinkSync(GANTRY, join(context.workDir, 'gantry'));
      path = `${context.workDir}:/usr/sbin:/usr/bin:/sbin:/bin`;
      dir = `--dir=${context.dataDir}`;
      const prepare = ['prepare', '--insecure-options=image', '--stage1-name=fly'];
      demandSuccess(await context.gantry([...prepare, '--pod-name=frontend', IMAGE]), 'prepare');
    });
    afterAll(async () => {
      await pods[Symbol.asyncDispose]();
    });

    /** Lines, and what they are when they have been completed. */
    const LINES = (): readonly (readonly [line: string, completed: string])[] => [
      ['gantry verif', 'gantry verif'],
      ['gantry vers', 'gantry version'],
      ['gantry image cat', 'gantry image cat-manifest'],
      ['gantry list --no-l', 'gantry list --no-legend'],
      ['gantry list --forma', 'gantry list --format='],
      ['gantry list --state=orph', 'gantry list --state=orphaned'],
      [`gantry ${dir} rm fr`, `gantry ${dir} rm frontend`],
      [`gantry ${dir} stop fr`, `gantry ${dir} stop fr`],
      [`gantry ${dir} image rm example.com/web:`, `gantry ${dir} image rm ${IMAGE}:1.0.0`],
      ['gantry status --uuid-file=/etc/host.con', 'gantry status --uuid-file=/etc/host.conf'],
      ['gantry image export x /etc/host.con', 'gantry image export x /etc/host.conf'],
      ['gantry image extract x /usr/loca', 'gantry image extract x /usr/local/'],
    ];

    it.each(['bash', 'zsh'] as const)('has %s complete what is typed', async (shell) => {
      const load =
        shell === 'zsh'
          ? 'autoload -Uz compinit && compinit -u -D && source <(gantry completion zsh)'
          : 'source <(gantry completion bash)';
      const typed = LINES().map(([line]) => `${line}\t${TO_THE_BEGINNING}echo GOT `);
      const screen = await typeInto(shell, [load, ...typed], path);

      // zsh takes back a slash at the end when it is not typed on there.
      const got = [...screen.matchAll(/^GOT (.*?)\/?\s*$/gm)].map(([, line]) => line);
      expect(got, screen).toEqual(LINES().map(([, completed]) => completed.replace(/\/$/, '')));
    });

    it('has fish complete what is typed', async () => {
      const lines = LINES().map(
        ([line]) => `echo "GOT "(complete -C "${line}" | string split -f1 \\t)`,
      );
      const script = ['gantry completion fish | source', ...lines].join('\n');
      const { stdout, stderr } = await nodeExec.run({
        argv: ['fish', '--no-config', '-c', script],
        env: { PATH: path, HOME: pods.context.workDir },
        timeoutMs: 60_000,
      });

      expect(stderr).toBe('');
      const expected = LINES().map(([line, completed]) =>
        line === completed ? '' : `GOT ${completed.split(' ').at(-1)}`,
      );
      expect(stdout.toString().trimEnd().split('\n')).toEqual(expected);
    });

    it('knows the shells that it knows', async () => {
      const { exitCode, stderr } = await pods.context.gantry(['completion', 'tcsh']);

      expect([exitCode, stderr]).toEqual([
        254,
        'gantry completion: cannot complete in "tcsh"\nhint: shells are bash, zsh, fish\n',
      ]);
    });
  },
);
