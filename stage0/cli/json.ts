import { usageError } from './usage-error.ts';

/** What `--format` may say; absent means text. */
export type Format = 'text' | 'json' | 'json-pretty';

/** Reads `--format`. @throws GantryError BAD_USAGE */
export function readFormat(text: string | undefined): Format {
  if (text === undefined || text === '') return 'text';
  if (text === 'json' || text === 'json-pretty') return text;

  throw usageError(
    `cannot read --format: unknown format "${text}"`,
    'formats are json, json-pretty',
  );
}

/** The proposal "JSON.parse source text access", which V8 has and the compiler's library does not know yet. */
interface ExactJson {
  rawJSON(text: string): unknown;
}

/**
 * A time as rkt's JSON has it: nanoseconds since 1970, more than a number of
 * JavaScript holds exactly. For `formatJson` only.
 * @param ms milliseconds since 1970
 */
export function nanoseconds(ms: number): unknown {
  return (JSON as unknown as ExactJson).rawJSON(String(BigInt(Math.round(ms * 1000)) * 1000n));
}

/** How an image was accepted, as it was written down, with its time as all others have it. */
export function acceptanceJson(written: object | undefined): object | undefined {
  if (written === undefined || !('time' in written) || typeof written.time !== 'number') {
    return written;
  }

  return { ...written, time: nanoseconds(written.time) };
}

/** JSON as rkt prints it: one line, or indented by tabs; a line break at the end. */
export function formatJson(value: unknown, { pretty }: { readonly pretty: boolean }): string {
  return `${JSON.stringify(value, undefined, pretty ? '\t' : undefined)}\n`;
}
