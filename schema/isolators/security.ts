import * as v from 'valibot';
import { type Decoder, fieldStep, withChecks } from '../types/decoder.ts';
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

const part = textWhere<string>((given) => /^[^\s:\p{Cc}]+$/u.test(given), 'one word without ":"');

/** The value of `os/linux/selinux-context`. */
export const selinuxContext: Decoder<SelinuxContext> = objectOf<SelinuxContext>({
  fields: {
    user: part,
    role: part,
    type: part,
    level: textWhere((given) => /^[^\s\p{Cc}]+$/u.test(given), 'one word'),
  },
  required: { user: true, role: true, type: true, level: true },
});

interface ApparmorValue {
  readonly profile: string;
}

/** The value of `os/linux/apparmor-profile`: the name of a profile that the host must have. */
export const apparmorProfile: Decoder<string> = v.pipe(
  objectOf<ApparmorValue>({
    fields: {
      profile: textWhere((given) => /^[^\p{Cc}]+$/u.test(given), 'the name of a profile'),
    },
    required: { profile: true },
  }),
  v.transform(({ profile }) => profile),
);

/** Words joined by `.` or `/`, none of them empty: nothing that could climb out of /proc/sys. */
const SYSCTL_KEY = /^[A-Za-z0-9_*-]+(?:[./][A-Za-z0-9_*-]+)+$/;

/** The value of `os/unix/sysctl`: kernel settings by name, `net.ipv4.ip_forward` say. */
export const sysctlSettings: Decoder<Readonly<Record<string, string>>> = withChecks(
  textMap,
  function* (settings) {
    for (const [key, value] of Object.entries(settings)) {
      if (!SYSCTL_KEY.test(key)) {
        yield { message: 'is no kernel setting', path: [fieldStep(settings, key)] };
      } else if (/[\0\n]/.test(value)) {
        yield { message: 'must be one line of text', path: [fieldStep(settings, key)] };
      }
    }
  },
);
