import { type Command, plainCommand } from '../cli/command.ts';
import { acceptanceJson, formatJson } from '../cli/json.ts';
import { findOnePod, UUID_FILE_OPTION } from '../cli/pod-argument.ts';
import { podJson } from '../cli/pod-json.ts';
import { openWorkplace } from '../cli/workplace.ts';
import { inspectPod, type PodDetails } from '../operations/inspect.ts';
import { podExitCode } from '../operations/wait-for-pods.ts';

/** `gantry inspect UUID`. */
export const command: Command = plainCommand({
  usage: '[--pretty-print=BOOL] UUID\n[--pretty-print=BOOL] --uuid-file=FILE',
  description:
    'Prints everything that is known of a pod as one JSON document: what "status --format=json" says, its manifest, stage1, trees, directories, cgroups and processes. Of a pod that is broken it prints what can be read, and under "problems" what cannot.',
  operands: ['pod'],
  options: {
    'pretty-print': { kind: 'flag', fallback: 'true', summary: 'indent the JSON' },
    ...UUID_FILE_OPTION,
  },
  words: { min: 0, max: 1 },

  async run({ call, globals, options, words }) {
    using workplace = await openWorkplace(call, globals);
    const uuid = findOnePod(workplace, words, options['uuid-file']);
    const details = inspectPod(workplace.context, uuid);
    const pretty = options['pretty-print'] ?? true;
    call.output.write(formatJson(detailsJson(details), { pretty }));

    return 0;
  },
});

function detailsJson(details: PodDetails): object {
  const { status, trees, netns, problems } = details;

  return {
    ...podJson(status),
    problem: undefined,
    pid: status.pid,
    exit_code: podExitCode(status),
    directory: details.dir,
    overlay: details.overlay,
    app_directories: Object.fromEntries(details.appDirs),
    stage1: stage1Json(details),
    accepted: Object.fromEntries(
      [...details.accepted].map(([app, accepted]) => [app, acceptanceJson(accepted)]),
    ),
    tree_ids: trees === undefined ? undefined : Object.fromEntries(trees.apps),
    cgroups: details.cgroups.map(({ controllers, path, dir }) => ({
      controllers,
      path,
      directory: dir,
    })),
    processes: details.processes,
    netns,
    released: details.released,
    manifest: details.manifest,
    problems: problems.length === 0 ? undefined : problems,
  };
}

function stage1Json({ flavor, trees }: PodDetails): object | undefined {
  if (flavor === undefined) return undefined;
  const { name, interfaceVersion, entrypoints, features } = flavor;

  return {
    name,
    interface_version: interfaceVersion,
    entrypoints,
    features: features === 'all' ? undefined : [...features],
    tree_id: trees?.stage1,
  };
}
