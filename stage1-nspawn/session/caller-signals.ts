/** What of the signals that gantry gets is meant for the command. */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/** Hands signals on for as long as the command runs. @returns undoes it */
export function passSignals(
  pass: (name: string) => void,
  names: readonly NodeJS.Signals[] = PASSED_ON,
): () => void {
  for (const name of names) process.on(name, pass);

  return () => {
    for (const name of names) process.off(name, pass);
  };
}
