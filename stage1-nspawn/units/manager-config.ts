/**
 * system.conf of the pod's systemd: silent, for the console belongs to the
 * apps. How often something may be started is said where it matters.
 */
export const SYSTEM_CONF = `[Manager]
LogTarget=null
ShowStatus=no
DefaultStandardOutput=null
DefaultTimeoutStartSec=infinity
DefaultStartLimitIntervalSec=0
`;

/**
 * journald.conf: everything that apps say is kept, in one file whoever the app
 * runs as, and shown as it comes; nothing is taken from the kernel or audit.
 */
export const JOURNALD_CONF = `[Journal]
Storage=persistent
SplitMode=none
Seal=no
Audit=no
ReadKMsg=no
RateLimitIntervalSec=0
RateLimitBurst=0
ForwardToSyslog=no
ForwardToKMsg=no
ForwardToConsole=no
ForwardToWall=no
MaxLevelConsole=debug
SystemMaxFileSize=8M
`;
