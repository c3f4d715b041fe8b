import type { AppStatus, PodStatus } from '../operations/outcomes.ts';
import { nanoseconds } from './json.ts';

/** A pod as rkt's JSON has it (fact sheet 1.5); all times are nanoseconds, as documented. */
export function podJson(pod: PodStatus): object {
  return {
    name: pod.uuid,
    pod_name: pod.name,
    state: pod.state,
    app_names: pod.apps.map(({ name }) => name),
    apps: pod.apps.map((app) => appJson(app, pod)),
    created_at: time(pod.createdAt),
    started_at: time(pod.startedAt),
    user_annotations: filled(pod.userAnnotations),
    user_labels: filled(pod.userLabels),
  };
}

function appJson(app: AppStatus, pod: PodStatus): object {
  return {
    name: app.name,
    state: appState(app, pod),
    finished_at: time(app.finishedAt),
    exit_code: app.exitCode,
    image_id: app.imageId,
    user_annotations: filled(app.userAnnotations),
    user_labels: filled(app.userLabels),
  };
}

/** rkt's words for an app: one of an immutable pod runs as long as its pod, unless its end was noted. */
function appState({ exitCode }: AppStatus, { state }: PodStatus): string {
  if (exitCode !== undefined) return 'exited';
  if (state === 'running' || state === 'orphaned') return 'running';
  if (state === 'exited' || state === 'exited garbage' || state === 'exited deleting')
    return 'exited';

  return state === 'prepared' ? 'created' : 'unknown';
}

function time(ms: number | undefined): unknown {
  return ms === undefined ? undefined : nanoseconds(ms);
}

function filled(
  record: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
