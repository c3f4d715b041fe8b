import { describe, expect, it } from 'vitest';
import { parseUnixSockets, readPassedSockets } from './passed-sockets.ts';

describe('parseUnixSockets()', () => {
  it('finds what can be connected to or sent to, by name', () => {
    const line = (flags: string, type: string, rest: string): string =>
      `0000000000000000: 00000002 00000000 ${flags} ${type} 01 ${rest}`;
    const text = [
      'Num       RefCount Protocol Flags    Type St Inode Path',
      line('00010000', '0001', '11 /run/with a space'),
      line('00010000', '0005', '12 @abstract'),
      line('00000000', '0002', '13 /run/log'),
      line('00000000', '0001', '14 /run/with a space'),
      line('00000000', '0002', '15'),
    ];

    expect(parseUnixSockets(text.join('\n'))).toEqual([
      { kind: 'Stream', address: '/run/with a space', inode: '11' },
      { kind: 'SequentialPacket', address: '@abstract', inode: '12' },
      { kind: 'Datagram', address: '/run/log', inode: '13' },
    ]);
  });
});

describe('readPassedSockets()', () => {
  it('finds none that were meant for another process', async () => {
    expect(await readPassedSockets({ env: { LISTEN_FDS: '1', LISTEN_PID: '1' } })).toEqual([]);
  });
});
