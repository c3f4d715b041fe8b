import { sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

/**
 * The sha512 of something short, in hexadecimal. Without node:crypto, whose
 * loading takes longer than all else on the way to `run`; what is longer than
 * some kilobytes belongs there.
 */
export function shortSha512(content: string | Uint8Array): string {
  return bytesToHex(sha512(typeof content === 'string' ? utf8ToBytes(content) : content));
}
