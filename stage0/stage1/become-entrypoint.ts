import { GantryError } from '#base/errors/gantry-error';
import { kernelErrno } from '#base/kernel/native';
import { type EntrypointName, handOver, type Successor } from '#stage1';
import type { OperationContext } from '../operations/context.ts';
import type { Flavor } from './flavor.ts';

/** Which entrypoint of whose. */
export interface EntrypointPlace {
  readonly flavor: Flavor;
  readonly name: EntrypointName;
}

interface Refusal {
  readonly state: string;
  readonly hint: string;
}

/** What the kernel has against a program that is there, by errno(3). */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  EACCES: {
    state: 'is not executable',
    hint: 'the file, and the interpreter that it names, need the permission to be executed ("chmod +x")',
  },
  ENOENT: {
    state: 'names an interpreter that is not there',
    hint: 'what its first line ("#!") or its ELF header names is looked for on the host, not in the image',
  },
  ENOEXEC: {
    state: 'is no program',
    hint: 'a script begins with "#!" and its interpreter; a binary must be one for this machine',
  },
};

/**
 * Becomes an entrypoint that is executed.
 * @throws GantryError STAGE1_NOT_EXECUTABLE, KERNEL_CALL_FAILED
 */
export function becomeEntrypoint(
  { kernel, caller }: OperationContext,
  place: EntrypointPlace,
  successor: Successor,
): never {
  try {
    return handOver(kernel, caller, successor);
  } catch (error) {
    throw refusalOf(place, kernelErrno(error), error) ?? error;
  }
}

/** What to say of an entrypoint that the kernel does not execute. @returns undefined when that needs other words */
export function refusalOf(
  { flavor, name }: EntrypointPlace,
  errno: string | undefined,
  cause: unknown,
): GantryError | undefined {
  if (errno === undefined || !Object.hasOwn(REFUSALS, errno)) return undefined;
  const { state = '', hint } = REFUSALS[errno] ?? {};

  return new GantryError(
    'STAGE1_NOT_EXECUTABLE',
    `cannot ${name} the pod: "${flavor.entrypoints[name]}" of stage1 image "${flavor.name}" ${state}`,
    { hint, cause },
  );
}
