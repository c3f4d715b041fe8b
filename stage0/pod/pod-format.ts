import { chmodSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { GantryError, isGantryError } from '#base/errors/gantry-error';
import { writeFileAtomic } from '#base/fs/atomic';
import { below } from '#base/fs/below';
import { readSmallFile } from '#base/fs/small-file';
import { podVersionPath } from '#stage1';
import { podsDir } from './pod-dirs.ts';

/**
 * The on-disk format of pods and of the folders that they lie in, and of every
 * record of a pod elsewhere; docs/on-disk-format.md lists them. What is of no
 * format is of the first.
 */
export const POD_FORMAT = 1;

const VERSION_BYTES = 32;
const VERSION_MODE = 0o644;
const versionText = `${POD_FORMAT}\n`;

/** The number of the format of a data directory's pods. */
export const podsVersionPath = (dataDir: string): string => below(podsDir(dataDir), 'version');

/** Says of what format the pods of a data directory are. */
export function writePodsFormat(dataDir: string): void {
  writeFileAtomic(podsVersionPath(dataDir), versionText, { mode: VERSION_MODE });
}

/** Says of what format a pod is. */
export function writePodFormat(podDir: string): void {
  const path = podVersionPath(podDir);
  writeFileSync(path, versionText);
  // For the group that lists pods, whatever the caller's umask; nobody else gets into the directory.
  chmodSync(path, VERSION_MODE);
}

/**
 * Refuses a data directory whose pods a newer gantry has brought up to date.
 * @throws GantryError POD_TOO_NEW, POD_UNREADABLE
 */
export function demandPodsFormat(dataDir: string): void {
  demandFormat(podsVersionPath(dataDir), `use the pods in "${podsDir(dataDir)}"`);
}

/** Refuses a pod that a newer gantry made. @throws GantryError POD_TOO_NEW, POD_UNREADABLE */
export function demandPodFormat(podDir: string): void {
  demandFormat(podVersionPath(podDir), `read pod ${basename(podDir)}`);
}

/** As `demandPodFormat`, for who takes a broken pod as it is. @throws GantryError POD_TOO_NEW */
export function refuseNewerPod(podDir: string): void {
  try {
    demandPodFormat(podDir);
  } catch (error) {
    if (!isGantryError(error) || error.code === 'POD_TOO_NEW') throw error;
  }
}

function demandFormat(path: string, action: string): void {
  const text = readSmallFile(path, VERSION_BYTES);
  if (text === undefined || text === versionText) return;
  const format = /^\d{1,9}\n?$/.test(text) ? Number(text) : undefined;
  if (format === undefined) {
    const state = text === '' ? 'is empty, as after a power loss' : 'does not hold a number';
    throw new GantryError('POD_UNREADABLE', `cannot ${action}: "${path}" ${state}`, {
      hint: `write the number of the format into it, ${POD_FORMAT} for this gantry`,
    });
  }
  if (format <= POD_FORMAT) return;

  throw new GantryError(
    'POD_TOO_NEW',
    `cannot ${action}: its format is ${format}, this gantry knows formats up to ${POD_FORMAT}`,
    { hint: 'use the newer gantry that made it' },
  );
}
