import { nodeExec } from '#base/exec/node-exec';
import { linuxKernel } from '#base/kernel/linux-kernel';
import { nullLog } from '#base/log/log';
import { openCni } from '#cni';
import { networkOf, parametersOf } from '../helpers/cni-bench.ts';

// One of several processes that use the same plugins and attachments at once:
// `cni-actor PLUGINS STATE ACTION NETWORK CONTAINER ROUNDS`. The network has one
// plugin, of its own name. Says `ready` when it is about to begin.

const [pluginDir = '', stateDir = '', action = '', name = '', container = '', rounds = '1'] =
  process.argv.slice(2);
const network = networkOf(name, [name]);
const cni = openCni({
  pluginDirs: [pluginDir],
  stateDir,
  exec: nodeExec,
  kernel: linuxKernel,
  log: nullLog,
});

process.stdout.write('ready\n');
for (let round = 0; round < Number(rounds); round += 1) {
  if (action === 'collect') {
    const { failures, detached } = await cni.collect({ networks: [network], valid: () => [] });
    process.stdout.write(`${failures.length} ${detached.length}\n`);
  } else {
    const parameters = parametersOf(`${container}-${round}`);
    await cni.attach({ network, parameters });
    if (action === 'come-and-go') await cni.detach(parameters);
  }
}
