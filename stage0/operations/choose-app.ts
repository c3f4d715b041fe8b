import { GantryError } from '#base/errors/gantry-error';
import type { PodUuid } from '#schema/types/pod-uuid';
import { readPodManifest } from '../pod/read-pod.ts';

/** Which app of a pod is meant, and by whom. */
export interface AppChoice {
  readonly uuid: PodUuid;
  /** May be left out when the pod has one app. */
  readonly app?: string | undefined;
  /** In words: `enter`, `export`. */
  readonly action: string;
}

/** The app that is meant. @throws GantryError APP_NOT_FOUND, APP_AMBIGUOUS, POD_UNREADABLE */
export function chooseApp(podDir: string, { uuid, app, action }: AppChoice): string {
  const names: readonly string[] = readPodManifest(podDir).apps.map(({ name }) => name);
  const [only] = names;
  if (app === undefined && only !== undefined && names.length === 1) return only;
  if (app !== undefined && names.includes(app)) return app;

  const refusal = `cannot ${action} pod ${uuid}: it has`;
  const hint = `its apps are ${names.join(', ')}`;
  if (app !== undefined) {
    throw new GantryError('APP_NOT_FOUND', `${refusal} no app "${app}"`, { hint });
  }
  throw new GantryError('APP_AMBIGUOUS', `${refusal} ${names.length} apps`, {
    hint: `name one with --app; ${hint}`,
  });
}
