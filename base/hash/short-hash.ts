import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

// Hashes of what is short, without node:crypto, whose loading takes longer than
// all else on the way to `run`; what is longer than some kilobytes belongs there.

/** The sha512 of something short, in hexadecimal. */
export function shortSha512(content: string | Uint8Array): string {
  return bytesToHex(sha512(bytesOf(content)));
}

/** The sha256 of something that is mostly short; above `SHORT` bytes the loading pays. */
export function mostlyShortSha256(content: string | Uint8Array): Uint8Array {
  const bytes = bytesOf(content);
  if (bytes.length <= SHORT) return sha256(bytes);

  return process.getBuiltinModule('node:crypto').createHash('sha256').update(bytes).digest();
}

const SHORT = 16 * 1024;

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === 'string' ? utf8ToBytes(content) : content;
}
