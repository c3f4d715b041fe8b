import { GantryError } from '#base/errors/gantry-error';
import { resolveInside } from '#base/fs/inside';
import type { Kernel } from '#base/kernel/kernel';
import { ensureMountTarget, performRootMount, resolveMountTarget } from '#stage1';
import { REPLACEABLE_PATHS, type ReplaceablePath, SHARED_PATHS } from '../units/app-unit.ts';
import { INCOMING_PATH, type VolumeStep } from './mounts.ts';

/** What is mounted, by the app's unit or by systemd, over anything that is there or below. */
const COVERED = [...SHARED_PATHS, '/sys', INCOMING_PATH, '/run/credentials'] as const;

/** Where a volume would be given the mount points of the above, which are the pod's. */
const FILLED = ['/', '/dev'] as const;

const HINT = 'choose another place, or another flavor: --stage1-name=fly';

interface VolumeRequest {
  readonly step: VolumeStep;
  /** What of the pod other volumes are in the place of already. */
  readonly replaced: readonly ReplaceablePath[];
}

/**
 * Mounts a volume, unless the app could not see it later. What counts is where
 * its target leads in the app's root, for an image may have links there.
 * @param root the app's root file system, with what is mounted before
 * @returns what of the pod it is in the place of
 * @throws GantryError MOUNT_SOURCE_MISSING, MOUNT_TARGET_UNUSABLE, PATH_TOO_MANY_LINKS, KERNEL_CALL_FAILED
 */
export function performVolume(
  kernel: Kernel,
  root: string,
  { step, replaced }: VolumeRequest,
): readonly ReplaceablePath[] {
  const place = resolveMountTarget(root, step.target);
  const isAt = (path: string): boolean => place === resolveInside(root, path);
  const isBelow = (path: string): boolean => place.startsWith(`${resolveInside(root, path)}/`);

  const own = REPLACEABLE_PATHS.filter((path) => !replaced.includes(path));
  const cover =
    COVERED.find((path) => isAt(path) || isBelow(path)) ?? own.find((path) => isBelow(path));
  if (cover !== undefined) throw refusal(step, `the pod's own "${cover}" would lie over it`);
  const filled = FILLED.find(isAt);
  if (filled !== undefined) {
    throw refusal(step, `what an app sees of the pod would be put into it`);
  }

  const taken = own.filter(isAt);
  performRootMount(kernel, root, { ...step, kind: 'bind' });
  makeIncoming(root, step, place);

  return taken;
}

/** A volume at /run has one folder more, unless it cannot be written. */
function makeIncoming(root: string, step: VolumeStep, place: string): void {
  try {
    ensureMountTarget({ root, target: INCOMING_PATH, directory: true });
  } catch (cause) {
    const path = resolveInside(root, INCOMING_PATH);
    const inVolume = path.startsWith(`${place}/`)
      ? `${step.source}${path.slice(place.length)}`
      : undefined;
    throw refusal(step, `systemd has to find "${INCOMING_PATH}" in it, which cannot be made`, {
      ...(inVolume === undefined ? {} : { hint: `make it yourself: mkdir -p "${inVolume}"` }),
      cause,
    });
  }
}

function refusal(
  { volume, target }: VolumeStep,
  state: string,
  { hint = HINT, ...rest }: { readonly hint?: string; readonly cause?: unknown } = {},
): GantryError {
  return new GantryError(
    'MOUNT_TARGET_UNUSABLE',
    `cannot mount volume "${volume}" on "${target}" of the app: ${state}`,
    { hint, ...rest },
  );
}
