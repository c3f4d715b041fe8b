import { describe, expect, it } from 'vitest';
import { isDirect } from './no-proxy.ts';

describe('isDirect()', () => {
  it.each([
    ['https://localhost:8443/', '', true],
    ['https://127.3.2.1/', '', true],
    ['https://[::1]/', '', true],
    ['https://example.com/', '', false],
    ['https://example.com/', '*', true],
    ['https://example.com/', 'a.b, Example.com ,', true],
    ['https://sub.example.com/', 'example.com', true],
    ['https://evil-example.com/', 'example.com', false],
    ['https://example.com/', '.example.com', false],
    ['https://sub.example.com/', '.example.com', true],
    ['https://sub.example.com/', '*.example.com', true],
    ['https://example.com/', 'example.com:443', true],
    ['https://example.com/', 'example.com:80', false],
    ['http://example.com/', 'example.com:80', true],
    ['https://10.1.2.3/', '10.0.0.0/8', true],
    ['https://11.1.2.3/', '10.0.0.0/8', false],
    ['https://10.1.2.3/', '10.1.2.3', true],
    ['https://10.1.2.3/', '1.2.3', false],
    ['https://example.com/', '10.0.0.0/8', false],
    ['https://[fd00::1]/', 'fd00::/8', true],
    ['https://[fd00::1]/', 'fd00::1', true],
    ['https://[fd00::1]:1/', '[fd00::1]:1', true],
    ['https://[fd00::1]:2/', '[fd00::1]:1', false],
    ['https://10.1.2.3/', '10.0.0.0/99', false],
    ['https://10.1.2.3/', '10.0.0.0/x', false],
  ])('says of %s with "%s": %s', (url, none, direct) => {
    expect(isDirect(new URL(url), none)).toBe(direct);
  });
});
