import { Parser } from 'htmlparser2';

/** What a page says about where images and keys are: a name's prefix and a template or URL. */
export interface DiscoveryTag {
  readonly prefix: string;
  readonly value: string;
}

export interface DiscoveryTags {
  readonly images: readonly DiscoveryTag[];
  readonly keys: readonly DiscoveryTag[];
}

/** So many tags of a page count. */
const MAX_TAGS = 1000;
/** Characters of a template or an address. */
const MAX_VALUE = 2000;
/** So many elements of a page are looked at: strangers write pages. */
const MAX_ELEMENTS = 10_000;
/** Characters that are parsed before it is asked again whether the head has ended. */
const PORTION = 4096;

/**
 * Reads the discovery tags of a page's head (appc, Discovery):
 * `<meta name="ac-discovery" content="PREFIX TEMPLATE">` and
 * `ac-discovery-pubkeys`. What lies in the body, where a visitor may have put
 * it, does not count and is not parsed; tags that do not have two words, or an
 * endless one, do not count either.
 */
export function readDiscoveryTags(html: string): DiscoveryTags {
  const images: DiscoveryTag[] = [];
  const keys: DiscoveryTag[] = [];
  const page = { inHead: true, elements: 0 };
  const parser = new Parser({
    onopentag(element, { name, content = '' }) {
      page.elements += 1;
      if (!HEAD.includes(element) || page.elements > MAX_ELEMENTS) page.inHead = false;
      if (!page.inHead || element !== 'meta' || images.length + keys.length >= MAX_TAGS) return;

      const [prefix, value, ...rest] = content.trim().split(/\s+/);
      if (prefix === undefined || value === undefined || rest.length > 0) return;
      if (prefix.length > MAX_VALUE || value.length > MAX_VALUE) return;
      if (name === 'ac-discovery') images.push({ prefix, value });
      if (name === 'ac-discovery-pubkeys') keys.push({ prefix, value });
    },
    onclosetag(element) {
      if (element === 'head') page.inHead = false;
    },
  });
  for (let at = 0; at < html.length && page.inHead; at += PORTION) {
    parser.write(html.slice(at, at + PORTION));
  }
  parser.end();

  return { images, keys };
}

/** Elements that may stand in the head of a page; any other ends it where `</head>` was left out (HTML, 13.2.6.4.4). */
const HEAD = ['html', 'head', 'meta', 'link', 'title', 'base', 'style', 'script', 'noscript'];

/** Whether a tag is about an image: its prefix is the name, or a part of it that ends where a path element ends. */
export function isAbout(prefix: string, name: string): boolean {
  if (!name.startsWith(prefix)) return false;

  return prefix === name || prefix.endsWith('/') || name[prefix.length] === '/';
}
