import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from '#base/errors/gantry-error';
import { resolveInside } from '#base/fs/inside';
import { appHostsPath, formatHosts, hostsPath, type RunArguments } from '#stage1';

/** The hosts file that an app is shown, and what it gives way to. */
export interface AppHosts {
  readonly source: string;
  /** Whether it was asked for, and so counts before a volume at its place. */
  readonly asked: boolean;
  /** The host's own is shown, never handed out for writing. */
  readonly readOnly: boolean;
}

export interface AppHostsRequest {
  readonly podDir: string;
  readonly app: string;
  /** The app's root. */
  readonly root: string;
  readonly args: RunArguments;
  /** One for a pod without networks. */
  readonly fallback: string;
}

/**
 * Which hosts file an app gets: what was asked for, else its image's, else one of
 * the usual names. On networks each has a file of its own that begins with that;
 * the pod's addresses and its neighbours' are added to it.
 * @returns undefined: its image's as it is
 */
export function appHosts(request: AppHostsRequest): AppHosts | undefined {
  const { podDir, app, root, args, fallback } = request;
  const { hosts } = args.dnsConfMode;
  if (hosts === 'host') return { source: '/etc/hosts', asked: true, readOnly: true };
  const asked = hosts === 'stage0';
  const given = asked
    ? readIfThere(hostsPath(podDir))
    : readIfThere(resolveInside(root, '/etc/hosts'));
  if (isNetworked(args)) {
    const source = appHostsPath(podDir, app);
    mkdirSync(dirname(source), { recursive: true, mode: 0o755 });
    writeFileSync(source, withoutOwnName(given ?? formatHosts(undefined, []), asked));
    return { source, asked, readOnly: false };
  }
  if (asked) return { source: hostsPath(podDir), asked, readOnly: false };

  return given === undefined ? { source: fallback, asked, readOnly: false } : undefined;
}

/** Whether a pod joins networks. */
export function isNetworked({ net }: RunArguments): boolean {
  return net !== 'host' && net !== 'none';
}

/** What stage 0 wrote has the pod's name after the loopback address; here it has one of its own. */
function withoutOwnName(text: string, isStage0s: boolean): string {
  return isStage0s ? text.replace(/^(127\.0\.0\.1\tlocalhost).*$/m, '$1') : text;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}
