import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Kernel } from './kernel.ts';
import { callLibc, IOCTL } from './native.ts';

// ioctl_tty(2), asm-generic/ioctls.h and linux/tty.h.
const TIOCGPTN = 0x80045430;
const TIOCSPTLCK = 0x40045431;
const TIOCSWINSZ = 0x5414;
const TCGETS = 0x5401;
const TCSETSW = 0x5403;
/** struct termios as the kernel has it: four words of flags, the line discipline, 19 characters. */
const TERMIOS_BYTES = 36;
const FLAGS = { input: 0, output: 4, control: 8, local: 12 } as const;
/** What cfmakeraw(3) clears, and the one that it sets, CS8; asm-generic/termbits.h. */
const RAW_CLEARS = { input: 0o2753, output: 0o1, control: 0o460, local: 0o100113 } as const;
const CS8 = 0o60;
const MASTER_FLAGS = constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK;

/** What the real kernel does with terminals. */
export const terminalCalls: Pick<
  Kernel,
  'openTerminal' | 'setWindowSize' | 'makeTerminalRaw' | 'setTerminal'
> = {
  openTerminal(devpts) {
    const master = openSync(join(devpts, 'ptmx'), MASTER_FLAGS);
    try {
      const value = Buffer.alloc(4);
      callLibc(IOCTL, [master, TIOCSPTLCK, value], 'unlock a terminal');
      callLibc(IOCTL, [master, TIOCGPTN, value], 'ask for the number of a terminal');
      return { master, number: value.readUInt32LE(0) };
    } catch (error) {
      closeSync(master);
      throw error;
    }
  },

  setWindowSize(fd, { rows, columns }) {
    const size = Buffer.alloc(8);
    size.writeUInt16LE(rows, 0);
    size.writeUInt16LE(columns, 2);
    callLibc(IOCTL, [fd, TIOCSWINSZ, size], 'set the size of a terminal');
  },

  makeTerminalRaw(fd) {
    const before = Buffer.alloc(TERMIOS_BYTES);
    callLibc(IOCTL, [fd, TCGETS, before], 'read the settings of a terminal');
    const raw = Buffer.from(before);
    for (const [name, cleared] of Object.entries(RAW_CLEARS)) {
      const at = FLAGS[name as keyof typeof FLAGS];
      raw.writeUInt32LE((raw.readUInt32LE(at) & ~cleared) >>> 0, at);
    }
    raw.writeUInt32LE((raw.readUInt32LE(FLAGS.control) | CS8) >>> 0, FLAGS.control);
    terminalCalls.setTerminal(fd, raw);

    return before;
  },

  setTerminal(fd, settings) {
    callLibc(IOCTL, [fd, TCSETSW, Buffer.from(settings)], 'set up a terminal');
  },
};
