import { printable } from './printable.ts';

/**
 * Lays rows out in columns, as rkt's tables are: cells lined up, two blanks
 * between them, none at the end of a line. Control characters that a cell got
 * from outside are shown, not sent to the terminal.
 * @returns lines with a line break each, the empty text for no rows
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const shown = rows.map((row) => row.map(printable));
  const widths: number[] = [];
  for (const row of shown) {
    row.forEach((cell, at) => {
      widths[at] = Math.max(widths[at] ?? 0, cell.length);
    });
  }

  return shown.map((row) => `${line(row, widths)}\n`).join('');
}

function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, at) => cell.padEnd(widths[at] ?? 0))
    .join('  ')
    .trimEnd();
}
