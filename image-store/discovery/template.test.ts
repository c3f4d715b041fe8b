import { describe, expect, it } from 'vitest';
import { makeLabels } from '#schema/types/labels';
import { parseAcIdentifier } from '#schema/types/names';
import { endpointOf, signatureUrl } from './template.ts';

const image = (...pairs: readonly (readonly [string, string])[]) => ({
  name: parseAcIdentifier('example.com/app'),
  labels: makeLabels(pairs),
});

describe('endpointOf()', () => {
  it('fills in name, labels and ending', () => {
    const endpoint = endpointOf(
      'https://x/{os}/{arch}/{name}-{version}.{ext}',
      image(['version', '1.0'], ['os', 'linux'], ['arch', 'amd64']),
    );

    expect(endpoint?.image.href).toBe('https://x/linux/amd64/example.com/app-1.0.aci');
    expect(endpoint?.signature.href).toBe('https://x/linux/amd64/example.com/app-1.0.aci.asc');
  });

  it('asks for the latest when no version was asked for', () => {
    expect(endpointOf('https://x/{version}.{ext}', image())?.image.href).toBe(
      'https://x/latest.aci',
    );
  });

  it('looks for the signature beside the image when the template has no ending', () => {
    const endpoint = endpointOf('https://x/a?b=c', image());

    expect(endpoint?.image.href).toBe('https://x/a?b=c');
    expect(endpoint?.signature.href).toBe('https://x/a.asc?b=c');
  });

  it('keeps the value of a label inside its place', () => {
    const endpoint = endpointOf('https://x/a/{version}.{ext}', image(['version', '../../b?c#d']));

    expect(endpoint?.image.pathname).toBe('/a/..%2F..%2Fb%3Fc%23d.aci');
  });

  it.each([
    'https://x/{channel}.{ext}',
    'https://x/{}',
    '/{name}.{ext}',
    'ftp://x/{name}',
    'https://',
  ])('leaves out "%s"', (template) => {
    expect(endpointOf(template, image())).toBeUndefined();
  });
});

describe('signatureUrl()', () => {
  it('adds to the path', () => {
    expect(signatureUrl(new URL('https://x/a.aci?t=1')).href).toBe('https://x/a.aci.asc?t=1');
  });
});
