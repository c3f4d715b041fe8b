/**
 * What systemd was at when it could not start a process, by the status with
 * which that ends (systemd.exec(5)): what units of apps ask for, and no more, for
 * any other status is the program's own.
 */
const STEPS: Readonly<Record<number, string>> = {
  200: 'CHDIR',
  202: 'FDS',
  203: 'EXEC',
  205: 'LIMITS',
  208: 'STDIN',
  209: 'STDOUT',
  210: 'CHROOT',
  216: 'GROUP',
  217: 'USER',
  218: 'CAPABILITIES',
  219: 'CGROUP',
  222: 'STDERR',
  226: 'NAMESPACE',
  227: 'NO_NEW_PRIVILEGES',
  228: 'SECCOMP',
};

/** The steps that can be foreseen to fail: those at which it is the app's doing. */
export const FORESEEN_STEPS: readonly number[] = [200, 203];

/** How systemd calls the step that ends with a status; undefined when none does. */
export const stepName = (status: number): string | undefined => STEPS[status];

/** Pattern of a shell for the statuses of all steps. */
export const STEP_PATTERN: string = Object.keys(STEPS).join(' | ');

/** Lines of shell that set `step` to the name of the step that the status in a variable stands for; to nothing when there is none. */
export function stepNames(variable: string): string {
  return [
    `  case $${variable} in`,
    ...Object.entries(STEPS).map(([status, name]) => `  ${status}) step=${name} ;;`),
    '  esac',
  ].join('\n');
}
