/**
 * For how long an answer counts as fresh (RFC 9111, 5.2.2): `max-age` less the
 * time it already spent in caches; 0 when the server forbids to rely on it.
 * @returns seconds, undefined when the server does not say
 */
export function maxAgeOf(headers: { get(name: string): string | null }): number | undefined {
  const control = headers.get('cache-control');
  if (control === null) return undefined;

  const directives = control.split(',').map((part) => part.trim().toLowerCase());
  if (directives.some((part) => part === 'no-store' || part.startsWith('no-cache'))) return 0;

  const stated = directives.map((part) => /^max-age="?(\d{1,10})"?$/.exec(part)?.[1]);
  const maxAge = stated.find((seconds) => seconds !== undefined);
  if (maxAge === undefined) return undefined;

  const age = Number(/^\d{1,10}$/.exec(headers.get('age') ?? '')?.[0] ?? 0);
  return Math.max(0, Number(maxAge) - age);
}
