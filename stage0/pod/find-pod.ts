import { lstatSync, readdirSync } from 'node:fs';
import { errorCode, GantryError } from '#base/errors/gantry-error';
import { fileState } from '#base/errors/obstacle';
import { readNamedFile } from '#base/fs/named-file';
import { isAcName } from '#schema/types/names';
import { type PodUuid, parsePodUuid } from '#schema/types/pod-uuid';
import type { PodTrail } from './look-at-pod.ts';
import { POD_PHASES, type PodPhase, phaseDir, podDirIn } from './pod-dirs.ts';
import { demandPodsFormat } from './pod-format.ts';
import { findPodByName } from './pod-names.ts';

/** A UUID, and what somebody may have put around it. */
const MAX_UUID_FILE_BYTES = 4096;

/** The folders whose pods have a name for users. */
const NAMED_PHASES: readonly PodPhase[] = ['prepare', 'prepared', 'run', 'exited-garbage'];

/** The UUIDs of the pods in some phases, each once, sorted. A pod that moves meanwhile is not missed: phases are read in the order of life. @throws GantryError POD_TOO_NEW */
export function listPodUuids(
  dataDir: string,
  phases: readonly PodPhase[] = NAMED_PHASES,
): readonly PodUuid[] {
  return listPodTrails(dataDir, phases).map(({ uuid }) => uuid);
}

/** As `listPodUuids`, with the phase in which each was seen first: it is never in an earlier one again. */
export function listPodTrails(
  dataDir: string,
  phases: readonly PodPhase[] = NAMED_PHASES,
): readonly PodTrail[] {
  demandPodsFormat(dataDir);
  const found = new Map<PodUuid, PodPhase>();
  for (const phase of POD_PHASES.filter((each) => phases.includes(each))) {
    for (const name of namesIn(phaseDir(dataDir, phase))) {
      const uuid = uuidOrNothing(name);
      if (uuid !== undefined && !found.has(uuid)) found.set(uuid, phase);
    }
  }

  return [...found.keys()].sort().map((uuid) => ({ dataDir, uuid, from: found.get(uuid) }));
}

/**
 * The pod that a user means: a name, a whole UUID, or an unambiguous beginning
 * of one, in either case. What is both a name and a beginning is the name.
 * @throws GantryError POD_NOT_FOUND, POD_AMBIGUOUS
 */
export function findPodUuid(dataDir: string, text: string): PodUuid {
  const word = text.trim();
  const prefix = word.toLowerCase();
  demandPodsFormat(dataDir);
  // No name looks like a whole UUID; the others need not be looked through.
  const whole = uuidOrNothing(prefix);
  if (whole === prefix && isThere(dataDir, whole)) return whole;
  const uuids = listPodUuids(dataDir);
  const named = isAcName(word) ? findPodByName(dataDir, word) : undefined;
  if (named !== undefined && uuids.includes(named)) return named;
  if (!/^[0-9a-f-]{1,36}$/.test(prefix)) {
    throw new GantryError('POD_NOT_FOUND', `cannot find pod "${text}": no pod is called so`, {
      hint: 'a pod goes by its UUID, a beginning of that, or its name; see "gantry list"',
    });
  }

  const matches = uuids.filter((uuid) => uuid.startsWith(prefix));
  const [only] = matches;
  if (only !== undefined && matches.length === 1) return only;
  if (matches.length > 1) {
    throw new GantryError(
      'POD_AMBIGUOUS',
      `cannot find pod "${text}": ${matches.length} pods begin so`,
      { hint: `one of ${matches.slice(0, 5).join(', ')}` },
    );
  }
  throw new GantryError('POD_NOT_FOUND', `cannot find pod "${text}": no such pod`, {
    hint: 'see "gantry list"',
  });
}

/**
 * The pod named in a file that `--uuid-file-save` wrote.
 * @throws GantryError UUID_FILE_UNREADABLE, POD_NOT_FOUND, POD_AMBIGUOUS
 */
export function findPodInFile(dataDir: string, path: string): PodUuid {
  let text: string;
  try {
    text = readNamedFile(path, MAX_UUID_FILE_BYTES).toString().trim();
  } catch (error) {
    throw new GantryError(
      'UUID_FILE_UNREADABLE',
      `cannot read UUID file "${path}": ${fileState(error)}`,
      {
        cause: error,
      },
    );
  }

  // What else it holds is no business of whoever reads the message.
  if (/^\S+$/.test(text)) return findPodUuid(dataDir, text);
  throw new GantryError(
    'UUID_FILE_UNREADABLE',
    `cannot read UUID file "${path}": ${text === '' ? 'it is empty' : 'it holds no UUID'}`,
    { hint: 'it is what "gantry run --uuid-file-save" writes when it makes a pod' },
  );
}

/** Looks in the order of life, so that a pod that moves meanwhile is not missed. */
function isThere(dataDir: string, uuid: PodUuid): boolean {
  return NAMED_PHASES.some(
    (phase) => lstatSync(podDirIn(dataDir, phase, uuid), { throwIfNoEntry: false }) !== undefined,
  );
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

function uuidOrNothing(name: string): PodUuid | undefined {
  try {
    return parsePodUuid(name);
  } catch {
    return undefined;
  }
}
