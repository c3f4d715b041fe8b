import { closeSync } from 'node:fs';
import type { Kernel } from './kernel.ts';
import { callLibc, IOCTL } from './native.ts';

// netdevice(7): linux/sockios.h, linux/if.h; `struct ifreq` is a name of 16 bytes and a union of 24.
const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const IFREQ_BYTES = 40;
const IFREQ_UNION = 16;
const IFF_UP = 1;
// socket(2), bits/socket.h.
const AF_INET = 2;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;

/** What the real kernel does with network interfaces. */
export const networkCalls: Pick<Kernel, 'raiseInterface'> = {
  raiseInterface(name) {
    const what = `bring up the interface "${name}"`;
    const socket = callLibc(
      'int socket(int domain, int type, int protocol)',
      [AF_INET, SOCK_DGRAM_CLOEXEC, 0],
      what,
    );
    const record = Buffer.alloc(IFREQ_BYTES);
    record.write(name.slice(0, IFREQ_UNION - 1), 'latin1');
    try {
      callLibc(IOCTL, [socket, SIOCGIFFLAGS, record], what);
      record.writeUInt16LE(record.readUInt16LE(IFREQ_UNION) | IFF_UP, IFREQ_UNION);
      callLibc(IOCTL, [socket, SIOCSIFFLAGS, record], what);
    } finally {
      closeSync(socket);
    }
  },
};
