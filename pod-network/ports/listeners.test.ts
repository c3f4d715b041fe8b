import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { describeOwner, parseSockets, readListeners } from './listeners.ts';

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, state: string): string =>
  `   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0\n`;

describe('parseSockets()', () => {
  it('reads addresses of both families, and only sockets in the state', () => {
    const text = [
      line('0100007F:1F90', '0A'),
      line('00000000:0050', '0A'),
      line('0100007F:0051', '01'),
      line('00000000000000000000000000000000:0050', '0A'),
      line('00000000000000000000000001000000:0050', '0A'),
      line('0000000000000000FFFF00000100007F:0050', '0A'),
      line('000080FE00000000FFAD4202FE01A8C0:0050', '0A'),
    ];

    expect(parseSockets(HEAD + text.join(''), '0A')).toEqual([
      { address: '127.0.0.1', port: 8080, inode: '4711' },
      { address: '0.0.0.0', port: 80, inode: '4711' },
      { address: '::', port: 80, inode: '4711' },
      { address: '::1', port: 80, inode: '4711' },
      { address: '127.0.0.1', port: 80, inode: '4711' },
      { address: 'fe80::242:adff:c0a8:1fe', port: 80, inode: '4711' },
    ]);
  });
});

describe('readListeners()', () => {
  it('finds a server, and whose it is', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { readonly port: number };
    const found = readListeners().find((each) => each.port === port && each.protocol === 'tcp');

    expect(found).toMatchObject({ address: '127.0.0.1' });
    expect(describeOwner(found?.inode ?? '')).toMatch(
      new RegExp(`^process ".+" \\(${process.pid}\\)$`),
    );
    server.close();
  });

  it('says so when nobody is to be found', () => {
    expect(describeOwner('0')).toContain('no process that can be seen');
  });
});
