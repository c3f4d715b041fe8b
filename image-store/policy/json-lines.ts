import { isNode, LineCounter, parseDocument } from 'yaml';

// JSON.parse says where text is no JSON, but not where a value stands that is
// not as it must be. Every JSON text is YAML, whose library knows.

/** The line, counted from 1, of an offset in a text. */
export function lineOfPosition(text: string, position: number): number {
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
