import type { RunningProgram } from '#base/exec/exec';
import { nodeExec } from '#base/exec/node-exec';

/** A program on a terminal of 33 rows and 77 columns; what is written to `stdin` is typed. */
export interface TerminalSession extends RunningProgram {
  /** All that was shown so far. */
  readonly shown: () => string;
}

/**
 * Runs a line of shell on a terminal.
 * @param argv what `PROGRAM` stands for in the line
 */
export function onTerminal(argv: readonly string[], line: string = 'PROGRAM'): TerminalSession {
  const command = argv.map((word) => `'${word}'`).join(' ');
  const script = `stty rows 33 cols 77; ${line.replace('PROGRAM', command)}`;
  const program = nodeExec.stream({
    argv: ['script', '-qec', script, '/dev/null'],
    env: { PATH: '/usr/bin:/bin', TERM: 'xterm-256color', SHELL: '/bin/sh' },
    timeoutMs: 60_000,
  });
  let shown = '';
  program.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()));

  return { ...program, shown: () => shown };
}
