import type { RegisterEntry } from '../register/register.ts';

// A pod's hosts file ends in a block that gantry keeps up to date while the pod
// runs; what stands before and after it is the image's and the apps'.
const BEGIN = '# pods on the same networks, kept up to date by gantry';
const END = '# end of pods';

/**
 * The lines of a pod's hosts file that lead to the pod itself and to all that
 * share a network with it, under all their names.
 */
export function hostsLines(
  pod: RegisterEntry,
  others: readonly RegisterEntry[],
): readonly string[] {
  const networks = new Set(pod.attachments.map(({ network }) => network));
  const neighbours = others.filter(
    ({ uuid, hostNetns }) => uuid !== pod.uuid && hostNetns === pod.hostNetns,
  );

  return [pod, ...neighbours].flatMap(({ names, attachments }) =>
    names.length === 0
      ? []
      : attachments
          .filter(({ network }) => networks.has(network))
          .flatMap(({ addresses }) => addresses)
          .map((address) => `${address}\t${[...new Set(names)].join(' ')}`),
  );
}

/** A hosts file with these lines in the place of those that gantry put there before. */
export function withHostsBlock(text: string, lines: readonly string[]): string {
  const block = [BEGIN, ...lines, END, ''].join('\n');
  const begin = text.indexOf(`${BEGIN}\n`);
  const end = text.indexOf(`${END}\n`, begin);
  if (begin >= 0 && end >= 0) {
    return `${text.slice(0, begin)}${block}${text.slice(end + END.length + 1)}`;
  }

  return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${block}`;
}
