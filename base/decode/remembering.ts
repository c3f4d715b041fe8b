/** So many texts are remembered, then all are forgotten. */
const MOST = 200;

/**
 * A function of a text that gives the same value again for a text that it was
 * given before: of many pods most were made from the same images. The value must
 * not be changed by whom it is given to.
 */
export function remembering<Value>(read: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();

  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;

    const value = read(text);
    if (known.size === MOST) known.clear();
    known.set(text, value);
    return value;
  };
}
