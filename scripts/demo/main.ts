import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { demandSuccess, exitStatusOf, nodeExec } from '#base/exec/node-exec';
import { HOST, IMAGE, makeMaterials, PAGE, PORT, VERSION } from './materials.ts';
import { serve } from './server.ts';

const top = dirname(dirname(import.meta.dirname));
const folder = join(top, 'var', 'demo');
const gantry = join(top, 'dist', 'gantry');
const flags = [`--dir=${join(folder, 'data')}`, `--local-config=${join(folder, 'etc')}`];
const NAME = `${IMAGE}:${VERSION}`;

process.exitCode = await main();

/** The main job, as a user would do it, every command shown before it runs. */
async function main(): Promise<number> {
  await prepareNamespaces();
  const materials = await makeMaterials(join(folder, 'materials'));
  await using _server = await serve(materials);
  const environment = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    SSL_CERT_FILE: materials.certificate,
  };
  const run = async (...args: readonly string[]): Promise<number> => await show(args, environment);

  say(`A signed image and its key are served at https://${HOST}/ (on loopback).`);
  say(
    `Below, "gantry" stands for: dist/gantry ${flags.map((flag) => flag.replace(`${top}/`, '')).join(' ')}`,
  );
  const steps: readonly Step[] = [
    {
      words: 'Trust the key that the publisher announces, for its images only.',
      act: () => run('trust', `--prefix=${IMAGE}`, '--skip-fingerprint-review'),
    },
    { words: 'Fetch by name: discovery, download, verification.', act: () => run('fetch', NAME) },
    { words: 'What the store holds.', act: () => run('image', 'list') },
    {
      words: 'Run it as a pod under systemd-nspawn and get its page.',
      act: () => runAndVisit(environment),
    },
    {
      words: 'The same image, chrooted only, another program of it.',
      act: () =>
        run(
          'run',
          '--stage1-name=fly',
          NAME,
          '--exec=/bin/busybox',
          '--',
          'cat',
          '/www/index.html',
        ),
    },
    {
      words: 'An unsigned copy is refused.',
      act: async () => refused(await run('fetch', `https://${HOST}/files/unsigned.aci`)),
    },
    {
      words: 'So is a copy that somebody changed.',
      act: async () => refused(await run('fetch', `https://${HOST}/files/tampered.aci`)),
    },
    { words: 'Collect the pods that ended.', act: () => run('gc', '--grace-period=0s') },
  ];
  for (const { words, act } of steps) {
    say(`\n# ${words}`);
    const code = await act();
    if (code !== 0) {
      say(`start: that failed with exit code ${code}`);
      return 1;
    }
  }

  farewell();
  return 0;
}

interface Step {
  readonly words: string;
  readonly act: () => Promise<number>;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Loopback up, and the demonstration's host name known, in this namespace only. */
async function prepareNamespaces(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const hosts = join(folder, 'hosts');
  writeFileSync(hosts, `127.0.0.1 localhost ${HOST}\n`);
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  demandSuccess(
    await nodeExec.run({ argv: ['ip', 'link', 'set', 'lo', 'up'], env }),
    'bring up loopback',
  );
  demandSuccess(
    await nodeExec.run({ argv: ['mount', '--bind', hosts, '/etc/hosts'], env }),
    'name the host',
  );
}

async function show(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<number> {
  say(`$ gantry ${args.join(' ')}`);
  const result = await nodeExec.run({
    argv: [gantry, ...flags, ...args],
    env,
    stdout: 'inherit',
    stderr: 'inherit',
    timeoutMs: 120_000,
  });

  return exitStatusOf(result);
}

/** Turns a refusal into success and anything else into failure: 254 is gantry's own "no". */
function refused(code: number): number {
  return code === 254 ? 0 : 1;
}

async function runAndVisit(env: Readonly<Record<string, string>>): Promise<number> {
  const args = ['run', '--net=host', NAME];
  say(`$ gantry ${args.join(' ')} &`);
  const stop = new AbortController();
  const running = nodeExec.run({
    argv: [gantry, ...flags, ...args],
    env,
    stdout: 'inherit',
    stderr: 'inherit',
    signal: stop.signal,
    killAfterMs: 20_000,
    timeoutMs: 60_000,
  });

  say(`$ curl http://127.0.0.1:${PORT}/`);
  const page = await visit();
  say(page?.trimEnd() ?? '(no answer)');
  stop.abort();
  const result = await running;
  if (result.forced) return 1;

  return page === PAGE ? 0 : 1;
}

/** Asks for the page until the pod answers, 20 seconds at most. */
async function visit(): Promise<string | undefined> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; await sleep(50)) {
    const body = await request().catch(() => undefined);
    if (body !== undefined) return body;
  }

  return undefined;
}

async function request(): Promise<string> {
  return await new Promise((resolve, reject) => {
    const sent = get({ host: '127.0.0.1', port: PORT, path: '/' }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => resolve(body));
    });
    sent.on('error', reject);
  });
}

function farewell(): void {
  const command = ['dist/gantry', ...flags.map((flag) => flag.replace(`${top}/`, ''))].join(' ');
  say('\nDone. What to type next:');
  say(`  ${command} run --net=host ${NAME}    # then visit http://127.0.0.1:${PORT}/`);
  say(`  ${command} run --stage1-name=fly ${NAME} --exec=/bin/busybox -- sh`);
  say('  dist/gantry help');
}
