import { isMainThread } from 'node:worker_threads';
import { CLONE, MS } from '#base/kernel/kernel';
import { linuxKernel } from '#base/kernel/linux-kernel';

// Loaded first of all into each process that runs privileged tests, before Node
// starts a thread that would stay outside: the mounts that a file makes are its
// own, and those of a file that runs at the same time are not seen.

if (isMainThread && process.geteuid?.() === 0) {
  linuxKernel.unshare(CLONE.NEWNS);
  linuxKernel.mount({ source: 'none', target: '/', flags: MS.SLAVE | MS.REC });
}
