// The probe: a program that runs inside pods and tells one fact a verb. It is a
// script for the static busybox of the test images, so it runs in any sandbox;
// what it prints is read back here, by `readFacts`.

const VERBS = {
  /** Open descriptors and where they lead; the listing's own one is left out. */
  fds: 'for f in /proc/$$/fd/*; do n=${f##*/}; [ "$n" -lt 10 ] 2>/dev/null && echo "$n $(readlink "$f")"; done',
  /** Signal dispositions, capabilities, seccomp, no-new-privileges, umask, groups as the kernel tells them. */
  status: 'cat /proc/self/status',
  limits: 'cat /proc/self/limits',
  environment: 'env',
  identity: 'id -u; id -g; id -G',
  directory: 'pwd',
  hostname: 'hostname',
  mounts: 'cat /proc/self/mountinfo',
  processes: 'for p in /proc/[0-9]*; do read -r c <"$p/comm" && echo "${p##*/} $c"; done',
  cgroups: 'cat /proc/self/cgroup',
  namespaces:
    'for n in mnt net pid ipc uts user cgroup; do echo "$n $(readlink /proc/self/ns/$n)"; done',
  devices: 'ls /dev',
  resolv: 'cat /etc/resolv.conf',
  hosts: 'cat /etc/hosts',
  root: 'ls -a /',
  parent: 'echo $PPID',
} as const satisfies Readonly<Record<string, string>>;

export type ProbeVerb = keyof typeof VERBS;

/** The text of `/bin/probe`: for every verb given, a line `== VERB` and then what it tells. */
export function probeScript(): string {
  const cases = Object.entries(VERBS).map(([verb, command]) => `    ${verb}) ${command} ;;`);

  return [
    '#!/bin/sh',
    'for verb; do',
    '  echo "== $verb"',
    '  case $verb in',
    ...cases,
    '    *) echo "no such verb: $verb" >&2; exit 64 ;;',
    '  esac',
    'done',
    '',
  ].join('\n');
}

/** What the probe printed, by verb; lines of other origin before the first verb are dropped. */
export function readFacts(output: string): ReadonlyMap<ProbeVerb, readonly string[]> {
  const facts = new Map<ProbeVerb, string[]>();
  let current: string[] | undefined;
  for (const line of output.split(/\r?\n/)) {
    const verb = /^(?:.*\]: )?== ([a-z]+)$/.exec(line)?.[1];
    if (verb !== undefined && verb in VERBS) {
      current = [];
      facts.set(verb as ProbeVerb, current);
    } else if (line !== '') current?.push(line);
  }

  return facts;
}
