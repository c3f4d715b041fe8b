import { constants } from 'node:os';

/**
 * Lines of shell that set `code` to what a shell would make of the signal in a
 * variable. systemd names signals without SIG; the real-time ones are counted
 * from RTMIN, 34.
 */
export function signalStatus(variable: string): string {
  const named = Object.entries(constants.signals)
    .filter(([name]) => !['SIGIOT', 'SIGPOLL', 'SIGUNUSED'].includes(name))
    .map(([name, number]) => [name.slice('SIG'.length), number] as const);

  return [
    `  case $${variable} in`,
    ...named.map(([name, number]) => `  ${name}) code=${128 + number} ;;`),
    `  RTMIN) code=${128 + 34} ;;`,
    `  RTMIN+*) code=$((${128 + 34} + \${${variable}#RTMIN+})) ;;`,
    '  *) code=255 ;;',
    '  esac',
  ].join('\n');
}
