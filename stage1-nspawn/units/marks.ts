import type { AcName } from '#schema/types/names';
import { appUnitName } from '#stage1';
import { EXIT_UNIT, READY_SOCKET, startedSocketName, upSocketName } from './names.ts';
import { READY_DIR, STARTED_DIR, UP_DIR } from './status-dirs.ts';
import { BARE, ROOT_SLICE, type Setting, type Unit } from './unit.ts';

/** A file that PID 1 makes when something has come about. */
interface Mark {
  /** Of its unit. */
  readonly name: string;
  readonly path: string;
  /** When that is. */
  readonly unit: readonly Setting[];
  readonly socket?: readonly Setting[];
}

/** A socket that nobody writes to: the one unit that makes a file without a process. */
export function markUnit({ name, path, unit, socket = [] }: Mark): Unit {
  return {
    name,
    unit: [BARE, ...unit],
    socket: [
      ROOT_SLICE,
      ['ListenFIFO', path],
      ['SocketMode', '0600'],
      ['Service', EXIT_UNIT],
      ...socket,
    ],
  };
}

/** An app as far as its marks go. */
export interface MarkedApp {
  readonly name: AcName;
  /** Says itself when it is ready. */
  readonly notifies: boolean;
}

/** The units whose marks tell how far an app has come; the app's service wants them. */
export function appMarks({ name, notifies }: MarkedApp): readonly Unit[] {
  const app = appUnitName(name);
  const started = { name: startedSocketName(name), path: `${STARTED_DIR}/${name}` };
  if (!notifies) return [markUnit({ ...started, unit: afterStart(app) })];

  return [
    // That it runs and that it is ready are two moments; only the latter is one of its unit.
    markUnit({ ...started, unit: [['Before', app]] }),
    markUnit({ name: upSocketName(name), path: `${UP_DIR}/${name}`, unit: afterStart(app) }),
  ];
}

/** Requisite=: not for an app that could not start, and gone with one that is stopped, but starting none. */
function afterStart(app: string): readonly Setting[] {
  return [
    ['Requisite', app],
    ['After', app],
    // One that comes up late, at a later attempt, makes the pod ready late.
    ['Wants', READY_SOCKET],
  ];
}

/** The mark of the pod: all apps have started, and those that say when they are ready have said it. */
export function readyMark(apps: readonly MarkedApp[]): Unit {
  const marks = apps.map(lastMark).join(' ');

  return markUnit({
    name: READY_SOCKET,
    path: `${READY_DIR}/ready`,
    unit: [
      ['Requisite', marks],
      ['After', marks],
    ],
    socket: [
      ['Symlinks', '/rkt/supervisor-status'],
      ['RemoveOnStop', 'yes'],
    ],
  });
}

/** The name of the mark by which an app counts as up. */
const lastMark = ({ name, notifies }: MarkedApp): string =>
  notifies ? upSocketName(name) : startedSocketName(name);

/** The names of an app's marks, for its service to want. */
export const appMarkNames = ({ name, notifies }: MarkedApp): readonly string[] =>
  notifies ? [startedSocketName(name), upSocketName(name)] : [startedSocketName(name)];
