import { type Command, plainCommand } from '../cli/command.ts';
import { formatJson } from '../cli/json.ts';
import { type Configuration, readConfiguration } from '../config/configuration.ts';

/** Stands in place of a secret. */
const REDACTED = '***';

/** `gantry config`. */
export const command: Command = plainCommand({
  usage: '[--pretty-print=BOOL] [--show-secrets]',
  description:
    'Prints the configuration that the configuration directories amount to, as the documents that would say the same.',
  options: {
    'pretty-print': { kind: 'flag', fallback: 'true', summary: 'indent the JSON' },
    'show-secrets': { kind: 'flag', summary: 'print passwords, tokens and keys as they are' },
  },
  words: { min: 0, max: 0 },

  async run({ call, globals, options }) {
    const configuration = await readConfiguration(globals, [
      'auth.d',
      'limits.d',
      'paths.d',
      'stage1.d',
    ]);
    const documents = documentsOf(configuration, options['show-secrets'] ?? false);
    const pretty = options['pretty-print'] ?? true;
    call.output.write(formatJson({ stage0: documents }, { pretty }));

    return 0;
  },
});

/** One document for each thing that is said. */
function documentsOf(
  { auth, dockerAuth, limits, paths, stage1 }: Configuration,
  showSecrets: boolean,
): readonly object[] {
  const secret = (text: string): string => (showSecrets ? text : REDACTED);
  const version = { rktVersion: 'v1' };

  return [
    ...auth.map(({ domain, credential }) => {
      const { type, ...fields } = credential;
      return {
        ...version,
        rktKind: 'auth',
        domains: [domain],
        type,
        credentials: shownCredentials(fields, secret),
      };
    }),
    ...dockerAuth.map(({ registry, user, password }) => ({
      ...version,
      rktKind: 'dockerAuth',
      registries: [registry],
      credentials: { user, password: secret(password) },
    })),
    ...(Object.keys(limits).length === 0
      ? []
      : [
          {
            ...version,
            rktKind: 'limits',
            'image-entries': limits.maxEntries,
            'image-bytes': limits.maxBytes,
            'server-seconds': limits.serverSeconds,
          },
        ]),
    ...(paths.data === undefined && paths.stage1Images === undefined
      ? []
      : [{ ...version, rktKind: 'paths', data: paths.data, 'stage1-images': paths.stage1Images }]),
    ...(stage1 === undefined ? [] : [{ ...version, rktKind: 'stage1', ...stage1 }]),
  ];
}

const SECRETS = ['password', 'token', 'secretAccessKey'];

function shownCredentials(
  fields: Readonly<Record<string, string | undefined>>,
  secret: (text: string) => string,
): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      SECRETS.includes(name) && value !== undefined ? secret(value) : value,
    ]),
  );
}
