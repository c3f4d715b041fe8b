import type { AppStatus, PodStatus } from '../operations/outcomes.ts';
import { nanoseconds } from './json.ts';

/** A pod as rkt's JSON has it (fact sheet 1.5); all times are nanoseconds, as documented. */
export function podJson(pod: PodStatus): object {
  return {
    name: pod.uuid,
    pod_name: pod.name,
    state: pod.state,
    networks: pod.networks.length === 0 ? undefined : pod.networks,
    app_names: pod.apps.map(({ name }) => name),
    apps: pod.apps.map(appJson),
    created_at: time(pod.createdAt),
    started_at: time(pod.startedAt),
    user_annotations: filled(pod.userAnnotations),
    user_labels: filled(pod.userLabels),
    problem: pod.problem,
  };
}

function appJson(app: AppStatus): object {
  return {
    name: app.name,
    state: app.state,
    started_at: time(app.startedAt),
    finished_at: time(app.finishedAt),
    exit_code: app.exitCode,
    exit_reason: app.reason,
    exit_signal: app.signal,
    restarts: app.restarts === 0 ? undefined : app.restarts,
    image_id: app.imageId,
    user_annotations: filled(app.userAnnotations),
    user_labels: filled(app.userLabels),
  };
}

function time(ms: number | undefined): unknown {
  return ms === undefined ? undefined : nanoseconds(ms);
}

function filled(
  record: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> | undefined {
  return Object.keys(record).length === 0 ? undefined : record;
}
