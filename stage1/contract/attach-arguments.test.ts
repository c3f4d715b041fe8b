import { describe, expect, it } from 'vitest';
import { encodeAttachArguments, parseAttachArguments } from './attach-arguments.ts';

describe('parseAttachArguments()', () => {
  it('reads what encodeAttachArguments() wrote', () => {
    const all = { action: 'auto-attach', app: 'a', endpoints: [], detachKeys: undefined } as const;
    const some = {
      action: 'custom-attach',
      app: 'a',
      endpoints: ['stdin', 'stderr'],
      detachKeys: 'ctrl-a,b',
    } as const;

    expect(parseAttachArguments(encodeAttachArguments(all))).toEqual(all);
    expect(parseAttachArguments(encodeAttachArguments(some))).toEqual(some);
  });

  it.each([[['--action=list']], [['--app=a', '--action=look']]])('refuses %j', (argv) => {
    expect(() => parseAttachArguments(argv)).toThrow('--action and --app are needed');
  });
});
