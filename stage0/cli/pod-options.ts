/** Pod flags of `run` and `prepare` (fact sheet 1.3). */
export const PREPARE_OPTIONS = {
  'exit-policy': {
    kind: 'value',
    value: 'any-failure|all|first-exit',
    fallback: 'any-failure',
    summary: 'when the pod ends: at the first app that fails, when all have ended, or when one has',
  },
  'inherit-env': {
    kind: 'flag',
    summary: 'give apps the variables of the caller that the image does not set',
  },
  'no-overlay': { kind: 'flag', summary: 'copy the trees of images in place of mounting them' },
  'no-store': { kind: 'flag', hidden: true, summary: 'the old spelling of --pull-policy=update' },
  'pod-manifest': {
    kind: 'value',
    value: 'FILE',
    summary: 'a pod manifest in place of images and their flags',
  },
  'pod-name': {
    kind: 'value',
    value: 'NAME',
    summary:
      'how the pod is called, wherever a UUID is asked for; no other pod may be, unless it is garbage',
  },
  port: {
    kind: 'values',
    value: 'NAME:[HOSTIP:]HOSTPORT',
    summary:
      'forward a port of the host to one that an image declares; to any other by number, [HOSTIP:]HOSTPORT:PODPORT/tcp|udp|sctp, or to several, 8000-8010:80-90/tcp',
  },
  'private-users': { kind: 'flag', summary: 'a user namespace (not supported yet)' },
  'pull-policy': {
    kind: 'value',
    value: 'never|new|update',
    fallback: 'new',
    summary: 'when to fetch: never, what is not in the store, or what has changed',
  },
  'set-env': {
    kind: 'values',
    value: 'NAME=VALUE',
    summary: 'an environment variable of all apps',
  },
  'set-env-file': {
    kind: 'values',
    value: 'FILE',
    summary: 'a file of NAME=VALUE lines, for all apps',
  },
  'stage1-from-dir': {
    kind: 'values',
    single: true,
    value: 'FILE',
    summary: 'a stage1 by its file name in the folder of stage1 images',
  },
  'stage1-hash': {
    kind: 'values',
    single: true,
    value: 'HASH',
    summary: 'a stage1 in the store, by its hash',
  },
  'stage1-name': {
    kind: 'values',
    single: true,
    value: 'NAME',
    choices: ['fly', 'nspawn'],
    summary: 'a stage1 by its image name, or fly or nspawn',
  },
  'stage1-path': { kind: 'values', single: true, value: 'FILE', summary: 'a stage1 from a file' },
  'stage1-url': { kind: 'values', single: true, value: 'URL', summary: 'a stage1 from a URL' },
  'store-only': { kind: 'flag', hidden: true, summary: 'the old spelling of --pull-policy=never' },
  volume: {
    kind: 'values',
    value: 'NAME,kind=host|empty,…',
    summary:
      'a volume: kind=host,source=PATH[,readOnly=BOOL][,recursive=BOOL] or kind=empty[,mode=0755][,uid=0][,gid=0]',
  },
} as const;

/** Pod flags of `run` and `run-prepared`. */
export const RUN_OPTIONS = {
  dns: {
    kind: 'values',
    value: 'IP|host|none',
    summary: 'name servers; host for those of the host, none for the image’s own',
  },
  'dns-domain': { kind: 'value', value: 'DOMAIN', summary: 'the local domain' },
  'dns-opt': { kind: 'values', value: 'OPTION', summary: 'an option of the resolver' },
  'dns-search': { kind: 'values', value: 'DOMAIN', summary: 'a domain to search' },
  hostname: {
    kind: 'value',
    value: 'NAME',
    fallback: 'rkt-UUID',
    summary: 'the host name of the pod',
  },
  'hosts-entry': {
    kind: 'values',
    value: 'IP=NAME|host',
    summary: 'a line of /etc/hosts, or host for the file of the host',
  },
  interactive: { kind: 'flag', summary: 'connect the one app to the terminal' },
  ipc: {
    kind: 'value',
    value: 'auto|private|parent',
    summary: 'IPC namespace (not supported yet)',
  },
  'mds-register': { kind: 'flag', summary: 'register with a metadata service (not supported yet)' },
  net: {
    kind: 'optionals',
    value: 'NAME[:KEY=VALUE;…]|all|host|none',
    bare: 'default',
    summary:
      'the networks of the pod, separated by commas: default, default-restricted, those of net.d, all of them, the one of the caller, or none',
  },
} as const;

/** What only `run` has. */
export const RUN_ONLY_OPTIONS = {
  'uuid-file-save': {
    kind: 'value',
    value: 'FILE',
    summary: 'write the UUID of the pod here as soon as it has one',
  },
} as const;
