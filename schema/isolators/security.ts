import * as v from 'valibot';
import { type Decoder, fieldStep, withCheck } from '../types/decoder.ts';
import { objectOf } from '../types/fields.ts';
import { textMap } from '../types/lists.ts';
import { textWhere } from '../types/scalars.ts';

/** The four parts of an SELinux security context. */
export interface SelinuxContext {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

/** The value of `os/linux/selinux-context`. */
export function selinuxContext(): Decoder<SelinuxContext> {
  const part = textWhere<string>((given) => /^[^\s:\p{Cc}]+$/u.test(given), 'one word without ":"');
  const level = textWhere<string>((given) => /^[^\s\p{Cc}]+$/u.test(given), 'one word');

  return objectOf<SelinuxContext>({
    fields: { user: part, role: part, type: part, level },
    required: { user: true, role: true, type: true, level: true },
  });
}

interface ApparmorValue {
  readonly profile: string;
}

/** The value of `os/linux/apparmor-profile`: the name of a profile that the host must have. */
export function apparmorProfile(): Decoder<string> {
  return v.pipe(
    objectOf<ApparmorValue>({
      fields: {
        profile: textWhere((given) => /^[^\p{Cc}]+$/u.test(given), 'the name of a profile'),
      },
      required: { profile: true },
    }),
    v.transform(({ profile }) => profile),
  );
}

/** Words joined by `.` or `/`, none of them empty: nothing that could climb out of /proc/sys. */
const SYSCTL_KEY = /^[A-Za-z0-9_*-]+(?:[./][A-Za-z0-9_*-]+)+$/;

/** The value of `os/unix/sysctl`: kernel settings by name, `net.ipv4.ip_forward` say. */
export function sysctlSettings(): Decoder<Readonly<Record<string, string>>> {
  return withCheck(textMap, (settings, report) => {
    for (const [key, value] of Object.entries(settings)) {
      if (!SYSCTL_KEY.test(key)) {
        report('is no kernel setting', fieldStep(settings, key));
      } else if (/[\0\n]/.test(value)) {
        report('must be one line of text', fieldStep(settings, key));
      }
    }
  });
}
