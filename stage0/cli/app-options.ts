/** Flags that bind to the image before them (fact sheet 1.3). */
export const APP_OPTIONS = {
  annotation: { kind: 'values', value: 'NAME=VALUE', summary: 'an annotation of the app' },
  'caps-remove': {
    kind: 'value',
    value: 'CAP,CAP',
    summary: 'take capabilities away (not supported yet)',
  },
  'caps-retain': {
    kind: 'value',
    value: 'CAP,CAP',
    summary: 'keep only these capabilities (not supported yet)',
  },
  'cap-remove': { kind: 'value', hidden: true, summary: 'the old spelling of --caps-remove' },
  'cap-retain': { kind: 'value', hidden: true, summary: 'the old spelling of --caps-retain' },
  cpu: {
    kind: 'value',
    value: 'QUANTITY',
    summary: 'processor time, 500m for half a processor (not supported yet)',
  },
  'cpu-shares': {
    kind: 'value',
    value: 'N',
    summary: 'weight of processor time, 2 to 262144 (not supported yet)',
  },
  environment: {
    kind: 'values',
    value: 'NAME=VALUE',
    summary: 'an environment variable of the app; wins over all others',
  },
  exec: { kind: 'value', value: 'PATH', summary: 'run this in place of what the image says' },
  group: { kind: 'value', value: 'GROUP', summary: 'group by name, number, or a file that has it' },
  memory: {
    kind: 'value',
    value: 'QUANTITY',
    summary: 'limit of memory, 4096 bytes at least (not supported yet)',
  },
  mount: {
    kind: 'values',
    value: 'volume=NAME,target=PATH',
    summary: 'where the app sees a volume; before the first image, for all apps',
  },
  name: {
    kind: 'value',
    value: 'NAME',
    summary: 'the name of the app; by default the last part of the image name',
  },
  'oom-score-adj': { kind: 'value', value: 'N', summary: '-1000 to 1000 (not supported yet)' },
  'readonly-rootfs': {
    kind: 'value',
    value: 'BOOL',
    summary: 'whether the root file system of the app is read-only',
  },
  restart: {
    kind: 'value',
    value: 'no|on-failure[:TIMES]|always',
    summary: 'whether the app is started again when it has ended, later each time; no unless told',
  },
  seccomp: {
    kind: 'value',
    value: 'mode=retain|remove[,errno=ERRNO],CALL…',
    summary: 'system calls to allow or refuse (not supported yet)',
  },
  signature: { kind: 'value', value: 'FILE', summary: 'the detached signature of the image' },
  stderr: {
    kind: 'value',
    value: 'log|null|stream|tty',
    summary: 'where standard error leads: as --stdout',
  },
  stdin: {
    kind: 'value',
    value: 'null|stream|tty',
    summary: 'what the app reads: nothing unless told, what is sent by "attach", or a terminal',
  },
  stdout: {
    kind: 'value',
    value: 'log|null|stream|tty',
    summary:
      'where standard output leads: to the log and the caller unless told, nowhere, to "attach" as well, or to a terminal of the app’s own',
  },
  'supplementary-gids': {
    kind: 'value',
    value: 'GID,GID',
    summary: 'further groups of the app, by number',
  },
  user: { kind: 'value', value: 'USER', summary: 'user by name, number, or a file that has it' },
  'user-annotation': { kind: 'values', value: 'NAME=VALUE', summary: 'an annotation of yours' },
  'user-label': { kind: 'values', value: 'NAME=VALUE', summary: 'a label of yours' },
  'working-dir': { kind: 'value', value: 'PATH', summary: 'the working directory of the app' },
} as const;
