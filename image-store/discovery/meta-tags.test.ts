import { describe, expect, it } from 'vitest';
import { isAbout, readDiscoveryTags } from './meta-tags.ts';

describe('readDiscoveryTags()', () => {
  it('reads the tags of the head, in order', () => {
    const tags = readDiscoveryTags(`<!doctype html><HTML><HEAD>
      <META NAME='ac-discovery' content="example.com  https://example.com/{name}.{ext}">
      <meta content="example.com/b https://b/" name=ac-discovery />
      <meta name="ac-discovery-pubkeys" content="example.com https://example.com/keys">
      <!-- <meta name="ac-discovery" content="a b"> -->
    </head>`);

    expect(tags).toEqual({
      images: [
        { prefix: 'example.com', value: 'https://example.com/{name}.{ext}' },
        { prefix: 'example.com/b', value: 'https://b/' },
      ],
      keys: [{ prefix: 'example.com', value: 'https://example.com/keys' }],
    });
  });

  it('reads none from the body', () => {
    const meta = '<meta name="ac-discovery" content="a b">';

    expect(readDiscoveryTags(`<head></head><body>${meta}`).images).toEqual([]);
    expect(readDiscoveryTags(`<head><title>x</title></head>${meta}`).images).toEqual([]);
    expect(readDiscoveryTags(`<title>x</title><p>${meta}`).images).toEqual([]);
  });

  it.each(['', 'one', 'one two three'])('leaves a tag out whose content is "%s"', (content) => {
    const tags = readDiscoveryTags(`<meta name="ac-discovery" content="${content}">`);

    expect(tags.images).toEqual([]);
  });

  it.each([
    ['nothing but openings', '<div>'.repeat(200_000)],
    ['unknown elements', '<x>'.repeat(300_000)],
    ['elements of heads within each other', '<noscript>'.repeat(100_000)],
  ])('is done with %s in no time', (_, page) => {
    const began = performance.now();

    expect(readDiscoveryTags(`${page}<meta name="ac-discovery" content="a b">`).images).toEqual([]);
    expect(performance.now() - began).toBeLessThan(1000);
  });

  it('leaves out what is far too long for an address', () => {
    const tag = `<meta name="ac-discovery" content="a https://${'x'.repeat(5000)}">`;

    expect(readDiscoveryTags(tag).images).toEqual([]);
  });

  it('bears what is not HTML, and a page of tags only', () => {
    expect(readDiscoveryTags('\u0000<<<&&&').images).toEqual([]);
    expect(
      readDiscoveryTags('<meta name="ac-discovery" content="a b">'.repeat(5000)).images,
    ).toHaveLength(1000);
  });
});

describe('isAbout()', () => {
  it.each([
    ['example.com', 'example.com', true],
    ['example.com', 'example.com/app', true],
    ['example.com/', 'example.com/app', true],
    ['example.com/app', 'example.com/app2', false],
    ['example.com/ap', 'example.com/app', false],
    ['example.com/app/x', 'example.com/app', false],
    ['other.com', 'example.com/app', false],
  ])('says of prefix "%s" and name "%s": %s', (prefix, name, about) => {
    expect(isAbout(prefix, name)).toBe(about);
  });
});
