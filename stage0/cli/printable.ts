/** Control characters, and those that turn the direction of text. */
const UNSAFE = /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu;

/** Text from outside, in one line, with its control characters made visible. */
export function printable(text: string): string {
  return text.replace(UNSAFE, visible);
}

/** As `printable`, for what has lines: their ends, and tabs, stay. */
export function printableLines(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === '\n' || character === '\t' ? character : visible(character),
  );
}

function visible(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
