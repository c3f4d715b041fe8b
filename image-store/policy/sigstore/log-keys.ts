import { createHash, type KeyObject } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import type { TrustMaterial } from '@sigstore/verify';
import { fingerprintOf, spkiOf } from '../public-key.ts';

/** What every log is called: its name proves nothing, and the library takes the one in a checkpoint for a pattern. */
const LOG = 'log';
const ALWAYS = { start: new Date(0), end: new Date(8.64e15) };
/** Between what a log has signed and its signatures; C2SP signed-note. */
const SEPARATOR = '\n\n';
const SIGNATURE = /^\u2014 (\S+) /gm;
/** In front of the key in its DER. */
const ED25519_PREFIX_BYTES = 12;

/** An entry, and the logs that are trusted, so that the library finds the log of the entry. */
export interface TrustedLogs {
  readonly entry: TransparencyLogEntry;
  readonly tlogs: TrustMaterial['tlogs'];
}

/** Puts them so: whatever the log calls itself, and however it refers to its key. */
export function trustLogs(entry: TransparencyLogEntry, keys: readonly KeyObject[]): TrustedLogs {
  const checkpoint = entry.inclusionProof?.checkpoint?.envelope ?? '';
  const end = checkpoint.indexOf(SEPARATOR);
  const [note, signatures] = [checkpoint.slice(0, end + 1), checkpoint.slice(end + 1)];
  const names = [...signatures.matchAll(SIGNATURE)].map(([, name = '']) => name);
  const envelope = `${note}${signatures.replace(SIGNATURE, `\u2014 ${LOG} `)}`;

  return {
    entry:
      entry.inclusionProof === undefined || end < 0
        ? entry
        : { ...entry, inclusionProof: { ...entry.inclusionProof, checkpoint: { envelope } } },
    tlogs: keys.flatMap((publicKey) =>
      idsOf(publicKey, names).map((logID) => ({
        logID,
        baseURL: LOG,
        publicKey,
        validFor: ALWAYS,
      })),
    ),
  };
}

/** How entries and checkpoints refer to a key. */
function idsOf(key: KeyObject, names: readonly string[]): readonly Buffer[] {
  const id = Buffer.from(fingerprintOf(key), 'hex');
  if (key.asymmetricKeyType !== 'ed25519') return [id];
  const bytes = spkiOf(key).subarray(ED25519_PREFIX_BYTES);
  const noteIds = names.map((name) =>
    createHash('sha256').update(`${name}\n\u0001`).update(bytes).digest(),
  );

  return [id, ...noteIds];
}
