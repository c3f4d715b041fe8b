import { closeSync } from 'node:fs';
import { demandSuccess } from '#base/exec/exec-result';
import { insideMounts } from '#base/kernel/inside-mounts';
import type { EntrypointHost } from '#stage1';

/**
 * Puts a pipe in the place of a standard stream that PID 1 cannot open again by
 * its path in /proc (a socket, a file that is half read), and a `cat` between
 * the two. The `cat` is no child of the pod and in no cgroup of it; it ends
 * with the pod, whose first process holds the pipe's other end.
 * @throws GantryError EXEC_NOT_STARTED, EXEC_FAILED, KERNEL_CALL_FAILED
 */
export function relayStream(host: EntrypointHost, stream: 0 | 1 | 2): void {
  const { kernel, exec, callerMounts } = host;
  const { read, write } = kernel.makePipe();
  const [ours, theirs] = stream === 0 ? [read, write] : [write, read];

  insideMounts(kernel, callerMounts, () => {
    const result = exec.runSync({
      argv: ['setsid', '--fork', 'cat'],
      env: { PATH: '/usr/bin:/bin' },
      cwd: '/',
      stdin: stream === 0 ? 0 : theirs,
      stdout: stream === 0 ? theirs : stream,
      stderr: 'ignore',
      timeoutMs: 10_000,
    });
    demandSuccess(result, 'start the process that carries a stream');
  });
  kernel.duplicate(ours, stream);
  closeSync(ours);
  closeSync(theirs);
}
