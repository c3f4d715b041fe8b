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

/** So many tags of a page are looked at. */
const MAX_TAGS = 1000;

/**
 * Reads the discovery tags of a page's head (appc, Discovery):
 * `<meta name="ac-discovery" content="PREFIX TEMPLATE">` and
 * `ac-discovery-pubkeys`. What lies in the body, where a visitor may have put
 * it, does not count; tags that do not have two words do not either.
 */
export function readDiscoveryTags(html: string): DiscoveryTags {
  const images: DiscoveryTag[] = [];
  const keys: DiscoveryTag[] = [];
  let inHead = true;
  const parser = new Parser({
    onopentag(element, { name, content = '' }) {
      if (BODY.includes(element)) inHead = false;
      if (!inHead || element !== 'meta' || images.length + keys.length >= MAX_TAGS) return;

      const [prefix, value, ...rest] = content.trim().split(/\s+/);
      if (prefix === undefined || value === undefined || rest.length > 0) return;
      if (name === 'ac-discovery') images.push({ prefix, value });
      if (name === 'ac-discovery-pubkeys') keys.push({ prefix, value });
    },
    onclosetag(element) {
      if (element === 'head') inHead = false;
    },
  });
  parser.end(html);

  return { images, keys };
}

/** Elements that end the head of a page where `</head>` was left out. */
const BODY = ['body', 'p', 'div', 'h1', 'table', 'form', 'ul', 'pre', 'a', 'img'];

/** Whether a tag is about an image: its prefix is the name, or a part of it that ends where a path element ends. */
export function isAbout(prefix: string, name: string): boolean {
  if (!name.startsWith(prefix)) return false;

  return prefix === name || prefix.endsWith('/') || name[prefix.length] === '/';
}
