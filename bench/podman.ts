import { demandSuccess, nodeExec } from '#base/exec/node-exec';
import { openPodman } from '../test/helpers/podman.ts';
import { ENVIRONMENT, type TimedCommand } from './measure.ts';

/** podman with a store of its own and one image in it. */
export interface Podman extends Disposable {
  /** `podman run --rm --network=NETWORK IMAGE COMMAND…` */
  run(network: string, ...command: readonly string[]): TimedCommand;
  /** `podman run --detach --network=host IMAGE COMMAND…` */
  detach(...command: readonly string[]): TimedCommand;
  /** Takes all containers away, whatever they do. */
  clear(): Promise<void>;
  /** A server on the default network: `podman run --rm --interactive --publish=PORTS IMAGE COMMAND…` */
  serve(ports: string, ...command: readonly string[]): TimedCommand;
}

/** Imports a root file system into a fresh podman store. */
export async function preparePodman(folder: string, rootfsTar: string): Promise<Podman> {
  const podman = openPodman(folder, ENVIRONMENT);
  const { argv, env } = podman;
  demandSuccess(
    await nodeExec.run({ argv: argv('import', rootfsTar, 'bench:1'), env }),
    'import the image into podman',
  );

  return {
    run: (network, ...command) => ({
      argv: argv('run', '--rm', `--network=${network}`, 'bench:1', ...command),
      env,
    }),
    serve: (ports, ...command) => ({
      argv: argv('run', '--rm', '--interactive', `--publish=${ports}`, 'bench:1', ...command),
      env,
    }),
    detach: (...command) => ({
      argv: argv('run', '--detach', '--network=host', 'bench:1', ...command),
      env,
    }),
    async clear() {
      const remove = argv('rm', '--force', '--all', '--time=0');
      demandSuccess(await nodeExec.run({ argv: remove, env }), 'remove all containers');
    },
    [Symbol.dispose]: () => podman[Symbol.dispose](),
  };
}
