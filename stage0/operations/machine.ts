import { GantryError } from '#base/errors/gantry-error';
import type { ImageManifest } from '#schema/image/image-manifest';
import { hostLabels, labelValue } from '#schema/types/labels';

/** What a processor runs beside what it is made for. */
const ALSO_RUNS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['i386'],
  aarch64: ['armv7l', 'armv6l'],
  armv7l: ['armv6l'],
};

/**
 * Which machine an image is made for, when this one cannot run it. An image
 * that does not say is taken to be for any.
 * @returns `os/arch`, undefined when nothing speaks against the image
 */
export function foreignMachine({ labels = [] }: ImageManifest): string | undefined {
  const host = hostLabels();
  const os = labelValue(labels, 'os') ?? host.os;
  const arch = labelValue(labels, 'arch') ?? host.arch;
  if (os === host.os && (arch === host.arch || ALSO_RUNS[host.arch]?.includes(arch) === true)) {
    return undefined;
  }

  return `${os}/${arch}`;
}

/** This machine in the words of image labels, `os/arch`. */
export function thisMachine(): string {
  const { os, arch } = hostLabels();

  return `${os}/${arch}`;
}

/**
 * Refuses to run an image that is made for another machine: what its programs
 * would say is no more than "exec format error".
 * @throws GantryError IMAGE_FOREIGN
 */
export function demandForThisMachine(manifest: ImageManifest): void {
  const machine = foreignMachine(manifest);
  if (machine === undefined) return;

  throw new GantryError(
    'IMAGE_FOREIGN',
    `cannot run image "${manifest.name}": it is for ${machine}, this machine is ${thisMachine()}`,
    { hint: 'ask for an image with the labels of this machine, or let its publisher build one' },
  );
}
