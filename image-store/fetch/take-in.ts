import { GantryError, redact } from '#base/errors/gantry-error';
import type { ImageKey } from '#schema/types/image-hash';
import type { ImageName } from '../reference/image-name.ts';
import { demandAsked } from './asked.ts';
import { pour } from '../archive/pour.ts';
import { refusing } from './refusal.ts';
import type { FetchSession } from './session.ts';
import { unpack } from '../archive/unpack.ts';
import { reported } from '../work/reported.ts';
import type { Verification } from './verification.ts';

/** An image on its way into the store. */
export interface Arrival {
  /** The archive as it was sent. */
  readonly chunks: AsyncGenerator<Buffer, void, undefined>;
  /** Its length, where that is announced. */
  readonly total?: number | undefined;
  /** Its length as the image that depends on it says. */
  readonly size?: number | undefined;
  readonly verification: Verification;
  /** As errors and the progress name it, with quotes where they are due. */
  readonly what: string;
  /** URL or path. */
  readonly source: string;
  /** What was asked for; anything when undefined. */
  readonly asked?: ImageName | undefined;
  /** Whether it is what a name without version means. */
  readonly latest: boolean;
}

/**
 * Takes in an image while it comes: hash of what was sent, unpacking, hash of
 * the archive and writing go on at the same time, as fast as the slowest. It is
 * seen by nobody before its layout, name, labels and signature are accepted.
 * @throws GantryError whatever it is refused for
 */
export async function takeIn(session: FetchSession, arrival: Arrival): Promise<ImageKey> {
  return await refusing(arrival.what, async () => await accept(session, arrival));
}

async function accept(session: FetchSession, arrival: Arrival): Promise<ImageKey> {
  const { store, exec, limits, log, signal } = session.context;
  const { what, asked, verification, total } = arrival;
  const id = redact(arrival.source);
  await using ingest = await store.beginIngest(limits?.archive);
  const packed = reported(verified(arrival), { log, signal, id, what, total });

  await pour(unpack(packed, { exec, what }), ingest.sink);

  const { manifest } = await ingest.finish();
  if (asked !== undefined) demandAsked(manifest, asked);
  const judgement = await verification.judge(manifest.name);
  const accepted = { ...judgement, time: session.now(), source: id };
  const record = await ingest.commit(accepted, { latest: arrival.latest });

  return record.key;
}

/** Shows the bytes to the verification on their way. */
async function* verified(arrival: Arrival): AsyncGenerator<Buffer, void, undefined> {
  let done = 0;
  for await (const chunk of arrival.chunks) {
    done += chunk.length;
    const taken = arrival.verification.take(chunk);
    if (taken !== undefined) await taken;
    yield chunk;
  }
  demandSize(arrival, done);
}

function demandSize({ what, size }: Arrival, done: number): void {
  if (size === undefined || size === done) return;

  throw new GantryError(
    'IMAGE_SIZE_MISMATCH',
    `cannot accept ${what}: it has ${done} bytes, the image that depends on it says ${size}`,
    { hint: 'the publisher of the image that depends on it has to make that again' },
  );
}
