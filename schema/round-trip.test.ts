import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { formatImageManifest, parseImageManifest } from './image/image-manifest.ts';
import { formatPodManifest, parsePodManifest } from './pod/pod-manifest.ts';

const name = fc.stringMatching(/^[a-z0-9]{1,5}(-[a-z0-9]{1,3}){0,2}$/);
const identifier = fc.stringMatching(/^[a-z0-9]{1,5}([-._~/][a-z0-9]{1,3}){0,3}$/);
const anyText = fc.string({ unit: 'grapheme' });
const word = fc.string({ unit: 'grapheme-ascii', minLength: 1 });
const path = fc.string({ unit: 'grapheme' }).map((rest) => `/${rest}`);
const id = fc.stringMatching(/^sha512-[0-9a-f]{64}$/);

/** Names that JavaScript knows are no less likely than others. */
const key = fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'toString', 'length'));
const textMap = fc.array(fc.tuple(key, anyText)).map((pairs) => Object.fromEntries(pairs));

/** A record in which any field that may be absent is sometimes absent, with unknown fields beside it. */
function record<Fields extends object>(
  fields: { readonly [Key in keyof Fields]: fc.Arbitrary<Fields[Key]> },
  required: readonly (keyof Fields & string)[],
): fc.Arbitrary<object> {
  const unknown = fc
    .array(
      fc.tuple(
        fc.string().map((text) => `x-${text}`),
        fc.jsonValue(),
      ),
      { maxLength: 2 },
    )
    .map((pairs) => Object.fromEntries(pairs));

  return fc
    .tuple(fc.record<Fields>(fields, { requiredKeys: [...required] as never }), unknown)
    .map(([known, extra]) => ({ ...extra, ...known }));
}

function uniqueByName(item: fc.Arbitrary<object>): fc.Arbitrary<object[]> {
  return fc.uniqueArray(item, {
    maxLength: 3,
    selector: (entry) => (entry as { name: string }).name,
  });
}

const labels = uniqueByName(
  record({ name: identifier.map((text) => `l${text}`), value: anyText }, ['name', 'value']),
);
const annotations = uniqueByName(
  record({ name: identifier.map((text) => `a.${text}`), value: anyText }, ['name', 'value']),
);
const isolators = fc.array(
  record({ name: identifier.map((text) => `x/${text}`), value: fc.jsonValue() }, ['name', 'value']),
  { maxLength: 2 },
);
const port = record(
  {
    name,
    protocol: word,
    port: fc.integer({ min: 1, max: 60_000 }),
    count: fc.integer({ min: 1, max: 5000 }),
    socketActivated: fc.boolean(),
  },
  ['name', 'protocol', 'port'],
);
const app = record(
  {
    exec: fc.array(anyText),
    user: word,
    group: word,
    supplementaryGIDs: fc.array(fc.nat()),
    eventHandlers: uniqueByName(
      record(
        { name: fc.constantFrom('pre-start', 'post-stop'), exec: fc.array(word, { minLength: 1 }) },
        ['name', 'exec'],
      ),
    ),
    workingDirectory: path,
    environment: uniqueByName(
      record({ name: fc.stringMatching(/^[A-Z_][A-Z_0-9]{0,4}$/), value: anyText }, [
        'name',
        'value',
      ]),
    ),
    isolators,
    mountPoints: uniqueByName(record({ name, path, readOnly: fc.boolean() }, ['name', 'path'])),
    ports: uniqueByName(port),
    userAnnotations: textMap,
    userLabels: textMap,
  },
  ['user', 'group'],
);
const imageManifest = record(
  {
    acKind: fc.constant('ImageManifest'),
    acVersion: fc.constantFrom('0.8.11', '0.5.0+git'),
    name: identifier,
    labels,
    app,
    dependencies: fc.array(
      record({ imageName: identifier, imageID: id, labels, size: fc.nat() }, ['imageName']),
      { maxLength: 2 },
    ),
    pathWhitelist: fc.array(path),
    annotations,
  },
  ['acKind', 'acVersion', 'name'],
);
const podManifest = record(
  {
    acKind: fc.constant('PodManifest'),
    acVersion: fc.constant('0.8.11'),
    apps: uniqueByName(
      record(
        {
          name,
          image: record({ id, name: identifier, labels }, ['id']),
          app,
          readOnlyRootFS: fc.boolean(),
          annotations,
        },
        ['name', 'image'],
      ),
    ),
    volumes: uniqueByName(
      fc.oneof(
        record({ name, kind: fc.constant('host'), source: path, recursive: fc.boolean() }, [
          'name',
          'kind',
          'source',
        ]),
        record({ name, kind: fc.constant('empty'), mode: fc.constant('0755'), uid: fc.nat() }, [
          'name',
          'kind',
        ]),
      ),
    ),
    isolators,
    annotations,
    ports: fc.array(
      record(
        { name, hostPort: fc.integer({ min: 1, max: 65_535 }), hostIP: fc.ipV4(), podPort: port },
        ['name', 'hostPort'],
      ),
      { maxLength: 2 },
    ),
    userAnnotations: textMap,
    userLabels: textMap,
  },
  ['acKind', 'acVersion', 'apps'],
);

/** The same JSON with the case of some keys changed. */
function inOtherCase(json: string, seed: number): string {
  return JSON.stringify(JSON.parse(json), (_, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;

    return Object.fromEntries(
      Object.entries(value).map(([field, inner], at) => [
        FIELDS.has(field) && (seed + at) % 3 === 0 ? field.toUpperCase() : field,
        inner as unknown,
      ]),
    );
  });
}

const FIELDS = new Set([
  'name',
  'app',
  'labels',
  'annotations',
  'supplementaryGIDs',
  'pathWhitelist',
]);

describe('a round trip', () => {
  it('loses nothing of an image manifest', () => {
    fc.assert(
      fc.property(imageManifest, (document) => {
        const json = JSON.stringify(document);
        expect(formatImageManifest(parseImageManifest(json))).toBe(json);
      }),
    );
  });

  it('loses nothing of a pod manifest', () => {
    fc.assert(
      fc.property(podManifest, (document) => {
        const json = JSON.stringify(document);
        expect(formatPodManifest(parsePodManifest(json))).toBe(json);
      }),
    );
  });

  it('gives every known field its proper name', () => {
    const bare = fc.record({
      acKind: fc.constant('ImageManifest'),
      acVersion: fc.constant('0.8.11'),
      name: identifier,
      pathWhitelist: fc.array(path),
      app: fc.record({ user: word, group: word, supplementaryGIDs: fc.array(fc.nat()) }),
    });

    fc.assert(
      fc.property(bare, fc.nat(2), (document, seed) => {
        const json = JSON.stringify(document);
        expect(formatImageManifest(parseImageManifest(inOtherCase(json, seed)))).toBe(json);
      }),
    );
  });
});

describe('a hostile document', () => {
  it('is refused by our own error, whatever is put in whatever place', () => {
    fc.assert(
      fc.property(imageManifest, fc.nat(), fc.jsonValue(), (document, at, junk) => {
        let count = 0;
        const json = JSON.stringify(document, (_, value: unknown) => {
          count += 1;

          return count === (at % 60) + 1 ? junk : value;
        });

        try {
          const written = formatImageManifest(parseImageManifest(json));
          expect(formatImageManifest(parseImageManifest(written))).toBe(written);
        } catch (error) {
          expect(isGantryError(error, 'IMAGE_MANIFEST_INVALID'), String(error)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});
