import type { Identity } from '#stage1';
import { enteredUnitName, sessionDir, sessionUnitName } from '../units/entered.ts';
import { commandLine, plainValue } from '../units/quote.ts';
import {
  BARE,
  BEFORE_EXIT,
  type Command,
  ROOT_SLICE,
  type Setting,
  type Unit,
} from '../units/unit.ts';

/** A command that is to run as an app does. */
export interface SessionPlan {
  readonly id: string;
  readonly command: Command;
  /** The app's when undefined. */
  readonly identity?: Identity | undefined;
  readonly workingDir?: string | undefined;
  /** Number of its terminal in the pod's devpts; without one it has pipes. */
  readonly terminal?: number | undefined;
}

/** What of an app's service is the app's alone: how it is executed and watched, and its streams. */
const OWN_SETTINGS =
  /^(Type|NotifyAccess|Restart.*|Exec.*|Standard.*|TTY.*|Syslog.*|Sockets|FileDescriptor.*|Slice)$/;
const IDENTITY_SETTINGS: readonly string[] = ['User', 'Group', 'SupplementaryGroups'];

/**
 * The unit of a command in an app: everything that confines the app, as it
 * stands in the app's own unit, around another command.
 * @param appUnit text of the app's unit file
 */
export function sessionUnit(appUnit: string, plan: SessionPlan): Unit {
  const { id, command, identity, workingDir } = plan;
  const kept = serviceSettings(appUnit).filter(
    ([key]) =>
      !OWN_SETTINGS.test(key) &&
      !(identity !== undefined && IDENTITY_SETTINGS.includes(key)) &&
      !(workingDir !== undefined && key === 'WorkingDirectory'),
  );

  return {
    name: sessionUnitName(id),
    unit: [
      BARE,
      ...BEFORE_EXIT,
      ['OnSuccess', enteredUnitName(id, 'ended')],
      ['OnFailure', enteredUnitName(id, 'failed')],
      ['CollectMode', 'inactive-or-failed'],
    ],
    service: [
      ['Type', 'exec'],
      ROOT_SLICE,
      ...kept.map((setting) => withTerminalKind(setting, plan)),
      ...(identity === undefined ? [] : identitySettings(identity)),
      ...(workingDir === undefined
        ? []
        : [['WorkingDirectory', plainValue(workingDir, 'working directory')] as const]),
      ['EnvironmentFile', `${sessionDir(id)}/env`],
      ...streams(plan),
      ['ExecStart', commandLine(command)],
    ],
  };
}

/** The settings of the section [Service], as `formatUnit` wrote them. */
export function serviceSettings(text: string): readonly Setting[] {
  const [, section = ''] = text.split('[Service]\n');

  return (section.split(/^\[/m)[0] ?? '').split('\n').flatMap((line) => {
    const at = line.indexOf('=');
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
}

/** On a terminal a command is told which kind it is; an app without one is not. */
function withTerminalKind([key, value]: Setting, { terminal }: SessionPlan): Setting {
  if (key !== 'UnsetEnvironment' || terminal === undefined) return [key, value];

  return [
    key,
    value
      .split(' ')
      .filter((name) => name !== 'TERM')
      .join(' '),
  ];
}

function identitySettings({ uid, gid, supplementaryGids }: Identity): readonly Setting[] {
  return [
    ['User', String(uid)],
    ['Group', String(gid)],
    ...(supplementaryGids.length === 0
      ? []
      : [['SupplementaryGroups', supplementaryGids.join(' ')] as const]),
  ];
}

function streams({ id, terminal }: SessionPlan): readonly Setting[] {
  if (terminal !== undefined) {
    return [
      ['StandardInput', 'tty-force'],
      ['StandardOutput', 'tty'],
      ['StandardError', 'tty'],
      ['TTYPath', `/dev/pts/${terminal}`],
    ];
  }

  return [
    ['StandardInput', `file:${sessionDir(id)}/stdin`],
    ['StandardOutput', `append:${sessionDir(id)}/stdout`],
    ['StandardError', `append:${sessionDir(id)}/stderr`],
  ];
}
