import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../command-table.ts';
import type { CommandHelp } from '../command.ts';
import { findPlace } from './find-place.ts';
import { type Holdings, propose } from './propose.ts';

const HOLDINGS: Holdings = {
  pods: (action) =>
    [
      { name: 'web', id: '1d8c3bd7-bef7-4e37-960d-ed42cc13c551', about: 'running', can: 'stop' },
      {
        name: undefined,
        id: '7d36f485-0b74-4550-b759-b2115caa76e9',
        about: 'exited',
        can: 'remove',
      },
    ].filter(({ can }) => action === undefined || action === can),
  podNames: () => [{ word: 'web', about: '' }],
  apps: () => [{ word: 'nginx', about: '' }],
  images: () => [
    { name: 'example.com/web:1', id: 'sha512-111111111111', about: '1MiB' },
    { name: 'example.com/db', id: 'sha512-222222222222', about: '2MiB' },
    { name: 'example.com/db', id: 'sha512-333333333333', about: '3MiB' },
  ],
};

/** What is proposed at the end of a line; its last word is what has been typed. */
async function proposed(line: string): Promise<readonly string[]> {
  const words = line.split(' ').slice(1);
  const typed = words.pop() ?? '';
  const { place } = await findPlace(words, typed);
  const { proposals, also } = propose(place, typed, HOLDINGS);

  return [...proposals.map(({ word }) => word), ...(also === undefined ? [] : [`:${also}`])];
}

describe('a command line', () => {
  it.each([
    ['gantry st', ['status', 'stop']],
    ['gantry --debug --dir /x st', ['status', 'stop']],
    ['gantry image ren', ['render']],
    ['gantry im r', ['render', 'rm']],
    ['gantry --dir ', [':directories']],
    ['gantry --dir=', [':directories']],
    ['gantry pod-rel', []],
    ['gantry list --fo', ['--format=']],
    ['gantry list --format=', ['--format=json', '--format=json-pretty']],
    ['gantry list --format ', ['json', 'json-pretty']],
    [
      'gantry list --state=running,prepar',
      ['--state=running,preparing', '--state=running,prepared'],
    ],
    ['gantry list --pod-name=', ['--pod-name=web']],
    ['gantry status --wait', ['--wait', '--wait-ready']],
    ['gantry cat-manifest --pretty-print=', ['--pretty-print=true', '--pretty-print=false']],
    ['gantry --insecure-options=image,ht', ['--insecure-options=image,http']],
    ['gantry stop ', ['web']],
    ['gantry stop web ', []],
    ['gantry rm ', ['7d36f485-0b74-4550-b759-b2115caa76e9']],
    ['gantry status 1', ['1d8c3bd7-bef7-4e37-960d-ed42cc13c551']],
    ['gantry status --uuid-file=', [':files']],
    ['gantry export --uuid-file=x ', [':files']],
    ['gantry export 7d ', [':files']],
    [
      'gantry image rm ',
      [
        'example.com/web:1',
        'example.com/db',
        'sha512-222222222222',
        'example.com/db',
        'sha512-333333333333',
      ],
    ],
    ['gantry image rm sha512-1', ['sha512-111111111111']],
    ['gantry image extract example.com/web:1 ', [':directories']],
    ['gantry image save -o ', [':files']],
    ['gantry image save -o x example.com/w', ['example.com/web:1']],
    ['gantry image save --format=', ['--format=oci-archive', '--format=docker-archive']],
    ['gantry image load ', [':files']],
    ['gantry image export example.com/web:1 - --over', ['--overwrite']],
    ['gantry image load - --fu', ['--full']],
    ['gantry push example.com/w', ['example.com/web:1']],
    ['gantry push example.com/web:1 ', []],
    ['gantry run example.com/w', ['example.com/web:1', ':files']],
    ['gantry run a --stage1-name=', ['--stage1-name=fly', '--stage1-name=nspawn']],
    ['gantry run a -- ', [':files']],
    ['gantry run a -- b --- example.com/w', ['example.com/web:1', ':files']],
    ['gantry run --net', ['--net']],
    ['gantry run --net=', ['--net=all', '--net=host', '--net=none']],
    ['gantry enter --app=', ['--app=nginx']],
    ['gantry completion ', ['bash', 'zsh', 'fish']],
    ['gantry help st', ['status', 'stop']],
    ['gantry help image ver', ['verify']],
  ])('%s', async (line, words) => {
    expect(await proposed(line)).toEqual(words);
  });

  it('that makes no sense is refused', async () => {
    await expect(findPlace(['nonsense'], '')).rejects.toThrow('unknown command "nonsense"');
  });
});

/** Words of usage lines that completion must know. */
const OPERAND_WORDS: Readonly<Record<string, readonly string[]>> = {
  UUID: ['pod', 'pods'],
  IMAGE: ['image', 'images', 'sources'],
  DIR: ['directory'],
  FILE: ['file'],
  DESTINATION: ['destination'],
};

describe('every command', () => {
  it('declares the operands that its usage names', async () => {
    for (const entry of COMMANDS.filter(({ hidden }) => hidden !== true)) {
      const { usage, operands = [] }: CommandHelp = (await entry.load()).command.help;
      const [first = ''] = usage.split('\n');
      const named: readonly string[] =
        first.replaceAll(/\[?--[^ ]*/g, '').match(/[A-Z]{3,}/g) ?? [];
      for (const [word, kinds] of Object.entries(OPERAND_WORDS)) {
        const declared = operands.some((operand) => kinds.includes(operand));
        expect(declared, `${entry.name}: ${word}`).toBe(named.includes(word));
      }
    }
  });
});
