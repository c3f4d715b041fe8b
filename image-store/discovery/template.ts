import type { ImageName } from '../reference/image-name.ts';

/** Where an image and its signature can be had. */
export interface Endpoint {
  readonly image: URL;
  readonly signature: URL;
}

/**
 * Fills in an endpoint template (appc, Discovery): `{name}`, `{ext}` and every
 * label by its name, `version` being `latest` when none was asked for.
 * @returns undefined when a variable stays open, or what comes out is no http or https URL
 */
export function endpointOf(template: string, { name, labels }: ImageName): Endpoint | undefined {
  const values: Record<string, string> = { version: 'latest' };
  for (const label of labels) values[label.name] = encodeURIComponent(label.value);
  values['name'] = name;

  const image = fill(template, { ...values, ext: 'aci' });
  if (image === undefined) return undefined;
  const signature = fill(template, { ...values, ext: 'aci.asc' });

  return {
    image,
    signature:
      signature === undefined || signature.href === image.href ? signatureUrl(image) : signature,
  };
}

/** Where the signature of an archive lies: beside it, `.asc` added to the path. */
export function signatureUrl(image: URL): URL {
  const url = new URL(image);
  url.pathname += '.asc';

  return url;
}

function fill(template: string, values: Readonly<Record<string, string>>): URL | undefined {
  let isOpen = false;
  const text = template.replaceAll(/\{([^{}]*)\}/g, (_, variable: string) => {
    isOpen ||= !Object.hasOwn(values, variable);
    return values[variable] ?? '';
  });
  if (isOpen || !/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;

  return new URL(text);
}
