import * as v from 'valibot';
import type { Decoder } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { nonEmptyListOf } from '../types/lists.ts';
import { textWhere } from '../types/scalars.ts';

/** Which system calls an app may make, or may not. */
export interface SeccompSet {
  readonly mode: 'retain' | 'remove';
  /** Names of system calls, and sets such as `@appc.io/all`; at least one. */
  readonly set: readonly string[];
  /** What a refused call returns, `EPERM` say; the app is killed by SIGSYS when absent. */
  readonly errno?: string | undefined;
}

/** Every system call: with `retain`, no filter. */
export const ALL_CALLS = '@appc.io/all';

/** No system call: with `remove`, no filter but the implementation's own. */
export const NO_CALLS = '@appc.io/empty';

const CALL = /^[a-z_][a-z0-9_]*$/;
const CALL_SET = /^@[a-z0-9]+(?:[-.][a-z0-9]+)*\/[a-z0-9]+(?:-[a-z0-9]+)*$/;
const ERRNO = /^E[A-Z0-9]+$/;

/** The value of both seccomp isolators. */
export function seccompValue(): Decoder<Omit<SeccompSet, 'mode'>> {
  return objectOf<Omit<SeccompSet, 'mode'>>({
    fields: {
      set: nonEmptyListOf(
        textWhere(
          (given) => CALL.test(given) || CALL_SET.test(given),
          'the name of a system call, or of a set of them such as @appc.io/all',
        ),
      ),
      errno: v.pipe(
        textWhere<string>(
          (given) => given === '' || ERRNO.test(given),
          'the name of an error such as EPERM',
        ),
        v.transform((given) => (given === '' ? undefined : given)),
      ),
    },
    required: { set: true },
  });
}
