import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { networkOf, parametersOf } from '../../test/helpers/cni-bench.ts';
import { EMPTY_RESULT } from '../result/result.ts';
import type { Attachment } from './attachment.ts';
import { formatAttachment, parseAttachment } from './attachment-record.ts';
import { type AttachmentStore, openAttachmentStore } from './attachment-store.ts';

let dir: string;
let store: AttachmentStore;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'attachments-'));
  store = openAttachmentStore(join(dir, 'kept'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const plugin = { type: 'a', ipam: { type: 'b' }, big: 1, capabilities: { ips: true } };

function attachmentOf(container: string, extra: Partial<Attachment> = {}): Attachment {
  return {
    state: 'attached',
    network: networkOf('n', [plugin, 'c'], { disableGC: true, cniVersions: ['0.4.0'] }),
    version: '1.1.0',
    parameters: parametersOf(container, 'eth0', {
      args: [['K', 'V']],
      capabilityArgs: { ips: ['10.0.0.1'] },
      configArgs: { labels: [] },
    }),
    time: 7,
    result: EMPTY_RESULT,
    rawResult: { cniVersion: '1.1.0', unknown: true },
    ...extra,
  };
}

describe('formatAttachment() and parseAttachment()', () => {
  it.each([
    ['a whole attachment', attachmentOf('c')],
    [
      'one that was begun',
      attachmentOf('c', { state: 'attaching', result: undefined, rawResult: undefined }),
    ],
    ['one without extras', attachmentOf('c', { parameters: parametersOf('c') })],
  ])('give back %s', (_what, attachment) => {
    expect(parseAttachment(formatAttachment(attachment), 'x')).toEqual(attachment);
  });

  it('write what the documentation says', () => {
    expect(JSON.parse(formatAttachment(attachmentOf('c')))).toEqual({
      format: 1,
      state: 'attached',
      time: 7,
      containerId: 'c',
      ifName: 'eth0',
      netns: '/proc/self/ns/net',
      args: [['K', 'V']],
      capabilityArgs: { ips: ['10.0.0.1'] },
      configArgs: { labels: [] },
      cniVersion: '1.1.0',
      source: 'n.conflist',
      config: {
        cniVersions: ['0.4.0', '1.1.0'],
        name: 'n',
        disableCheck: false,
        disableGC: true,
        loadOnlyInlinedPlugins: true,
        plugins: [plugin, { type: 'c' }],
      },
      result: { cniVersion: '1.1.0', unknown: true },
    });
  });

  it('refuse what is damaged, at any field', () => {
    const whole = JSON.parse(formatAttachment(attachmentOf('c'))) as object;
    const key = fc.constantFrom(
      'state',
      'containerId',
      'ifName',
      'netns',
      'cniVersion',
      'config',
      'source',
    );
    fc.assert(
      fc.property(key, fc.constantFrom(null, 7, '', '/', [], {}, [[]]), (name, value) => {
        fc.pre(!(name === 'source' && (value === '' || value === '/')));
        fc.pre(!(name === 'netns' && value === '/'));
        try {
          parseAttachment(JSON.stringify({ ...whole, [name]: value }), 'x');
          expect.unreachable();
        } catch (error) {
          expect(isGantryError(error, 'CNI_ATTACHMENT_UNREADABLE')).toBe(true);
        }
      }),
    );
  });

  it.each([
    ['{}', 'it names no format'],
    ['{"format":"1"}', 'it names no format'],
    ['{"format":99}', 'its format is 99, newer than 1'],
    ['', 'not JSON'],
  ])('refuse the record %j', (text, words) => {
    expect(() => parseAttachment(text, 'x')).toThrow(words);
  });
});

describe('openAttachmentStore()', () => {
  it('keeps, finds, lists and removes, and leaves no folder behind', () => {
    const first = attachmentOf('c1', { time: 2 });
    const second = attachmentOf('c2', { time: 1 });
    store.write(first, true);
    store.write(second, false);

    expect(store.read(first.parameters)).toEqual(first);
    expect(store.list()).toEqual({ attachments: [second, first], lost: [] });
    expect(store.list(first.parameters.containerId).attachments).toEqual([first]);
    store.remove(first.parameters);
    store.remove(first.parameters);
    expect(store.read(first.parameters)).toBeUndefined();
    expect(readdirSync(join(dir, 'kept'))).toEqual(['c2']);
  });

  it('is empty before anything was written', () => {
    expect(store.list()).toEqual({ attachments: [], lost: [] });
    expect(readdirSync(dir)).toEqual([]);
  });

  it('keeps records to their owner', () => {
    const { parameters } = attachmentOf('c');
    store.write(attachmentOf('c'), true);
    const path = join(dir, 'kept', parameters.containerId, 'eth0.json');

    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readFileSync(path, 'utf8')).toBe(formatAttachment(attachmentOf('c')));
  });

  it('tells attachments apart whose names run together', () => {
    const [one, two] = [attachmentOf('a-b'), attachmentOf('a')];
    store.write(one, false);
    store.write({ ...two, parameters: parametersOf('a', 'b-eth0') }, false);

    expect(store.list().attachments).toHaveLength(2);
  });

  it('passes over what it did not write, and reports what it cannot read', () => {
    store.write(attachmentOf('c'), false);
    const folder = join(dir, 'kept/c');
    writeFileSync(join(folder, '.eth1.json.0123456789ab.tmp'), 'half');
    writeFileSync(join(dir, 'kept/file'), '');
    mkdirSync(join(dir, 'kept/-odd-'));
    mkdirSync(join(folder, 'eth2.json'));
    const { attachments, lost } = store.list();

    expect(attachments).toHaveLength(1);
    expect(lost.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('eth2.json": EISDIR'),
    ]);
  });
});
