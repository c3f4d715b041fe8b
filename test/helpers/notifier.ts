import { nodeExec } from '#base/exec/node-exec';

/** The annotation of an image whose app says when it is ready. */
export const NOTIFY_ANNOTATION = {
  name: 'appc.io/executor/supports-systemd-notify',
  value: 'true',
} as const;

/** Puts systemd-notify with its libraries into a root, as /bin/notify. */
export function addNotifier(root: string): void {
  const script = `
    cd "$1" && mkdir -p lib && cp /usr/bin/systemd-notify bin/notify.bin
    for l in $(ldd /usr/bin/systemd-notify | grep -o '/[^ ]*'); do cp -L "$l" lib/; done
    printf '#!/bin/sh\\nexec /lib/ld-linux*.so.2 --library-path /lib /bin/notify.bin "$@"\\n' >bin/notify
    chmod 755 bin/notify
  `;
  nodeExec.runSync({ argv: ['sh', '-ec', script, 'sh', root], env: { PATH: '/usr/bin:/bin' } });
}
