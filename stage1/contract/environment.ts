/** Environment of every entrypoint. */
export const LOCK_FD_VARIABLE = 'RKT_LOCK_FD';
export const SELINUX_CONTEXT_VARIABLE = 'RKT_SELINUX_CONTEXT';
export const SELINUX_MOUNT_CONTEXT_VARIABLE = 'RKT_SELINUX_MOUNT_CONTEXT';

/** Environment of entrypoints that cross into a running pod. */
export const ENTER_COMMAND_VARIABLE = 'RKT_STAGE1_ENTERCMD';
export const ENTER_PID_VARIABLE = 'RKT_STAGE1_ENTERPID';
export const ENTER_APP_VARIABLE = 'RKT_STAGE1_ENTERAPP';
