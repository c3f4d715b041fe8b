import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { mostlyShortSha256, shortSha512 } from './short-hash.ts';

const hash = (algorithm: string, content: string | Uint8Array): string =>
  createHash(algorithm).update(content).digest('hex');

describe('hashes of what is short', () => {
  it.each(['', 'é', 'a'.repeat(16 * 1024), 'a'.repeat(16 * 1024 + 1)])(
    'are those of node:crypto',
    (text) => {
      expect(shortSha512(text)).toBe(hash('sha512', text));
      expect(Buffer.from(mostlyShortSha256(text)).toString('hex')).toBe(hash('sha256', text));
      expect(Buffer.from(mostlyShortSha256(Buffer.from(text))).toString('hex')).toBe(
        hash('sha256', text),
      );
    },
  );
});
