/** The longest piece of foreign text that a message repeats. */
const SHOWN_LENGTH = 80;

/** Characters that JSON leaves as they are but that could repaint a terminal: DEL, C1 controls, direction marks. */
const UNSAFE = /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Foreign text as a message may show it: in quotes, shortened, with every control character escaped. */
export function quoted(text: string): string {
  const shown = text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH - 1)}…` : text;

  return JSON.stringify(shown).replace(
    UNSAFE,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
