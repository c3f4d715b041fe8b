import { dirname } from 'node:path';
import { below } from '#base/fs/below';

// Every path in a pod directory, relative names as rkt has them (fact sheet 2.2).

/** The pod manifest, JSON, 0640. */
export const podManifestPath = (podDir: string): string => below(podDir, 'pod');
/** The number of the format that the pod is of, decimal; absent in the first. */
export const podVersionPath = (podDir: string): string => below(podDir, 'version');
/** Empty; its modification time is when the pod was created. */
export const podCreatedPath = (podDir: string): string => below(podDir, 'pod-created');
/** The name that the pod was given, if any. */
export const podNamePath = (podDir: string): string => below(podDir, 'pod-name');
/** The lock under which the manifest of a pod changes. */
export const podManifestLockPath = (podDir: string): string => below(podDir, 'pod.lck');
/** The id of the tree that stage1 is rendered from. */
export const stage1TreeIdPath = (podDir: string): string => below(podDir, 'stage1TreeStoreID');
/** Present when the trees are overlay lower directories, not copies. */
export const overlayPreparedPath = (podDir: string): string => below(podDir, 'overlay-prepared');
/** Folders of the apps' images, by app. */
export const appsInfoDir = (podDir: string): string => below(podDir, 'appsinfo');
/** Image manifest of one app. */
export const appImageManifestPath = (podDir: string, app: string): string =>
  below(appsInfoDir(podDir), app, 'manifest');
/** How the image of an app was accepted when the pod was made. */
export const appAcceptedPath = (podDir: string, app: string): string =>
  below(appsInfoDir(podDir), app, 'accepted');
/** The id of the tree that an app is rendered from. */
export const appTreeIdPath = (podDir: string, app: string): string =>
  below(appsInfoDir(podDir), app, 'treeStoreID');
export const stage1Dir = (podDir: string): string => below(podDir, 'stage1');
export const stage1ManifestPath = (podDir: string): string => below(podDir, 'stage1', 'manifest');
export const stage1RootfsDir = (podDir: string): string => below(podDir, 'stage1', 'rootfs');
/** What a pod changed in one tree; `tree` is a tree id, `app` empty for stage1. */
export const overlayUpperDir = (podDir: string, tree: string, app = ''): string =>
  below(podDir, 'overlay', tree, 'upper', app);
/** overlayfs's own folder beside it. */
export const overlayWorkDir = (podDir: string, tree: string, app = ''): string =>
  below(podDir, 'overlay', tree, 'work', app);
/** Where a tree that is one file is mounted, in the pod's mount namespace, to serve as the lower directory. */
export const overlayLowerDir = (podDir: string, tree: string): string =>
  below(podDir, 'overlay', tree, 'lower');
/** An empty volume of the pod. */
export const emptyVolumeDir = (podDir: string, volume: string): string =>
  below(podDir, 'sharedVolumes', volume);
/** The empty volume of a mount point that no volume was given for; the dot keeps it apart from every volume's name. */
export const implicitVolumeDir = (podDir: string, app: string, point: string): string =>
  below(podDir, 'sharedVolumes', `${app}.${point}`);
/** The directory of one app below some root of stage1: the pod's, or what will be seen there. */
export const appDirIn = (stage1Root: string, app: string): string =>
  below(stage1Root, 'opt', 'stage2', app);
export const appRootfsDir = (podDir: string, app: string): string =>
  below(appDirIn(stage1RootfsDir(podDir), app), 'rootfs');
/** The same as seen from inside stage1. */
export const appRootfsInside = (app: string): string => `/opt/stage2/${app}/rootfs`;
/** Exit code of an app, decimal text, written by stage1. */
export const appStatusPath = (podDir: string, app: string): string =>
  below(stage1RootfsDir(podDir), 'rkt', 'status', app);
/** How an app ended, JSON; see stage1/runtime/app-exit. Written by stage1. */
export const appExitPath = (podDir: string, app: string): string =>
  below(stage1RootfsDir(podDir), 'rkt', 'exits', app);
/** Of no meaning but its time: when the app was last started. Made by stage1. */
export const appStartedPath = (podDir: string, app: string): string =>
  below(stage1RootfsDir(podDir), 'rkt', 'started', app);
/** How often the app was started again, decimal text, written by stage1. */
export const appRestartsPath = (podDir: string, app: string): string =>
  below(stage1RootfsDir(podDir), 'rkt', 'restarts', app);
/** Symbolic link whose target's last part is `ready` once all apps have started. Made by stage1. */
export const supervisorStatusPath = (podDir: string): string =>
  below(stage1RootfsDir(podDir), 'rkt', 'supervisor-status');
export const appEnvironmentPath = (podDir: string, app: string): string =>
  below(stage1RootfsDir(podDir), 'rkt', 'env', app);
/** What stage 0 generated for the apps' resolv.conf and hosts. */
export const resolvConfPath = (podDir: string): string =>
  below(stage1RootfsDir(podDir), 'etc', 'rkt-resolv.conf');
export const hostsPath = (podDir: string): string =>
  below(stage1RootfsDir(podDir), 'etc', 'rkt-hosts');
/** Process number of the pod's first process, decimal and a newline: of itself, or of its parent. */
export const pidPath = (podDir: string): string => below(podDir, 'pid');
export const ppidPath = (podDir: string): string => below(podDir, 'ppid');
/** Where the pod's own cgroup is, one `CONTROLLERS:PATH` a line; see stage1/runtime. */
export const subcgroupPath = (podDir: string): string => below(podDir, 'subcgroup');
/** Path of the pinned network namespace. */
export const netnsPath = (podDir: string): string => below(podDir, 'netns');
/** Which networks the pod is on; see stage1/runtime. */
export const netInfoPath = (podDir: string): string => below(podDir, 'net-info.json');
/** The hosts file of an app, where others may add to it while the pod runs. */
export const appHostsPath = (podDir: string, app: string): string => below(podDir, 'hosts', app);
/** The data directory that a pod directory lies in. */
export const dataDirOf = (podDir: string): string => dirname(dirname(dirname(podDir)));
/** The lock under which the pod is released. */
export const releaseLockPath = (podDir: string): string => below(podDir, 'release.lck');
/** Written when everything that the pod held outside its namespaces has been given back. */
export const releasedPath = (podDir: string): string => below(podDir, 'released');
