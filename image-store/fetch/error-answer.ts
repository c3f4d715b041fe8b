import * as v from 'valibot';
import { quoted } from '#base/errors/quoted';
import type { Answer } from './exchange.ts';

/** Longer ones are no error messages. */
const MAX_BYTES = 8192;

/** How registries say what is wrong: distribution specification, "Error Codes". */
const errorDocument = v.object({
  errors: v.pipe(
    v.array(v.object({ code: v.optional(v.string()), message: v.optional(v.string()) })),
    v.minLength(1),
  ),
});

/**
 * What a server says of its refusal, as errors show it: the status, and its own words where it is a registry.
 * What cannot be read is left out.
 */
export async function refusalOf(answer: Answer): Promise<string> {
  const state = `the server answered ${answer.status}`;
  const words = await wordsOf(answer);

  return words === undefined || words === '' ? state : `${state}, ${quoted(words)}`;
}

async function wordsOf(answer: Answer): Promise<string | undefined> {
  const isShort = (answer.length ?? 0) <= MAX_BYTES;
  if (!isShort || !/^application\/(.*\+)?json\b/.test(answer.headers.get('content-type') ?? '')) {
    answer.leave();
    return undefined;
  }
  try {
    const result = v.safeParse(errorDocument, JSON.parse(await textOf(answer)));
    const [first] = result.success ? result.output.errors : [];
    return first?.message ?? first?.code;
  } catch {
    return undefined;
  }
}

async function textOf(answer: Answer): Promise<string> {
  let text = '';
  for await (const chunk of answer.body()) {
    text += chunk.toString();
    if (text.length > MAX_BYTES) return '';
  }

  return text;
}
