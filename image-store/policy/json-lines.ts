import { errorMessage } from '#base/errors/gantry-error';
import { isNode, LineCounter, parseDocument } from 'yaml';

// JSON.parse says of some errors where they are, and never where a value stands
// that is not as it must be. Every JSON text is YAML, whose library knows that.

/** The line, counted from 1, up to which a text is the beginning of one that is JSON; the last one where all of it is. */
export function lineOfFault(text: string): number {
  const lines = text.split('\n');
  let [good, bad] = [0, lines.length];
  while (good + 1 < bad) {
    const middle = (good + bad) >> 1;
    if (mayGoOn(lines.slice(0, middle).join('\n'))) good = middle;
    else bad = middle;
  }

  return bad;
}

/** Whether a text is JSON, or no error but that it ends. */
function mayGoOn(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = errorMessage(error);
    const [, position] = /at position (\d+)/.exec(message) ?? [];

    return position === undefined
      ? message.includes('Unexpected end of JSON input')
      : Number(position) >= text.length;
  }
}

/** The line, counted from 1, of an offset in a text. */
function lineOfPosition(text: string, position: number): number {
  return text.slice(0, position).split('\n').length;
}

/**
 * The line of a value in JSON text.
 * @param keys the way to it: names and indexes
 * @returns that of the nearest value above it where there is none; undefined when it cannot be told
 */
export function lineOfPath(text: string, keys: readonly (string | number)[]): number | undefined {
  const document = parseDocument(text);
  for (let depth = keys.length; depth >= 0; depth -= 1) {
    const node = document.getIn(keys.slice(0, depth), true);
    if (isNode(node) && node.range) return lineOfPosition(text, node.range[0]);
  }

  return undefined;
}

/** The line of the first name that stands twice in one object; undefined when none does. */
export function lineOfDuplicate(text: string): number | undefined {
  const lineCounter = new LineCounter();
  const { errors } = parseDocument(text, { lineCounter, uniqueKeys: true });
  const doubled = errors.find(({ code }) => code === 'DUPLICATE_KEY');

  return doubled === undefined ? undefined : lineCounter.linePos(doubled.pos[0]).line;
}
