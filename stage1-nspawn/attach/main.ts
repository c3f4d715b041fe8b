import { readFileSync } from 'node:fs';
import { GantryError } from '#base/errors/gantry-error';
import type { PodManifest } from '#schema/pod/pod-manifest';
import {
  DEFAULT_DETACH_KEYS,
  ENTER_PID_VARIABLE,
  endpointsOf,
  type Entrypoint,
  parseAttachArguments,
  parseDetachKeys,
  podManifestPath,
  type StdioModes,
  stdioModesOf,
} from '#stage1';
import { openOutlets } from './app-outlets.ts';
import { runClient } from './attach-client.ts';
import { chooseEndpoints } from './choose-endpoints.ts';

/** Lists what clients can attach to of an app, or connects the caller with it. */
export const entrypoint: Entrypoint = async (host) => {
  const { kernel, podDir, env } = host;
  const [, ...argv] = host.argv;
  const args = parseAttachArguments(argv);
  const modes = modesOf(podDir, args.app);
  if (args.action === 'list') {
    process.stdout.write(
      endpointsOf(modes)
        .map((each) => `${each}\n`)
        .join(''),
    );
    return 0;
  }

  const endpoints = chooseEndpoints(args, modes);
  const detachKeys = parseDetachKeys(args.detachKeys ?? DEFAULT_DETACH_KEYS);
  const pid = Number(env[ENTER_PID_VARIABLE]);
  if (!Number.isInteger(pid) || pid < 1) {
    throw new GantryError(
      'STAGE1_BAD_ARGUMENTS',
      `cannot attach to the pod: ${ENTER_PID_VARIABLE} is not set`,
    );
  }

  using outlets = openOutlets(kernel, pid, args.app);
  return await runClient(host, { outlets, endpoints, detachKeys, caller: process });
};

function modesOf(podDir: string, name: string): StdioModes {
  const { apps } = JSON.parse(readFileSync(podManifestPath(podDir), 'utf8')) as PodManifest;
  const app = apps.find((each) => each.name === name);
  if (app !== undefined) return stdioModesOf(app);

  throw new GantryError('APP_NOT_FOUND', `cannot attach to app "${name}": the pod has no such app`);
}
