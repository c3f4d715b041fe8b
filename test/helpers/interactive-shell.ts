import { nodeExec } from '#base/exec/node-exec';

const PROMPT = 'READY> ';
const TIME_LIMIT_MS = 60_000;

/** How each shell starts with nobody's settings, and asks for input by the prompt that it is given. */
const SHELLS = {
  bash: 'bash --norc --noprofile -i',
  zsh: 'zsh -f -i',
} as const;

/**
 * Types lines into a shell at a terminal of its own, each as soon as it asks
 * for one, and then lets it end.
 * @param lines keys as they come from a keyboard: `\t` completes
 * @returns all that was on the screen
 */
export async function typeInto(
  shell: keyof typeof SHELLS,
  lines: readonly string[],
  path: string,
): Promise<string> {
  const program = nodeExec.stream({
    // Its session ends with its terminal.
    argv: ['script', '--quiet', '--command', SHELLS[shell], '/dev/null'],
    env: { PATH: path, PS1: PROMPT, TERM: 'dumb', HOME: '/nonexistent' },
    timeoutMs: TIME_LIMIT_MS,
  });
  const queue = [...lines, 'exit'];
  let screen = '';
  let seen = 0;
  program.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    for (let at = screen.indexOf(PROMPT, seen); at >= 0; at = screen.indexOf(PROMPT, seen)) {
      seen = at + PROMPT.length;
      const next = queue.shift();
      if (next !== undefined) program.stdin.write(`${next}\r`);
    }
  });
  await program.ended;

  return screen;
}
