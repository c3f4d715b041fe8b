import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

// esbuild splits by files: whoever imports one thing from a folder's index.ts
// reaches everything that the index names, so that all of it lands in a chunk
// that every command loads. Here an import is led past the index, to the file
// with the thing itself; then each command has what it uses and no more.

/** Where the names of an index come from: its path by name. */
type Origins = ReadonlyMap<string, string>;

/**
 * Leads imports of `#folder` past the folder's index.
 * @param top the checkout, whose package.json says where the indexes are
 */
export function pastBarrels(top: string): Plugin {
  const indexes = readIndexes(top);

  return {
    name: 'past-barrels',
    setup(plugins) {
      plugins.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
        contents: ledPast(readFileSync(path, 'utf8'), indexes),
        loader: 'ts',
      }));
    },
  };
}

/** The names that each index gives out, by what it is imported as. */
function readIndexes(top: string): ReadonlyMap<string, Origins> {
  const { imports } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as {
    readonly imports: Readonly<Record<string, string>>;
  };
  const indexes = Object.entries(imports).filter(([, path]) => path.endsWith('/index.ts'));

  return new Map(
    indexes.map(([name, path]) => [name, new Map(originsIn(join(top, path)))] as const),
  );
}

const IMPORT = /^import \{([^}]*)\} from '(#[\w-]+)';/gm;

function ledPast(source: string, indexes: ReadonlyMap<string, Origins>): string {
  return source.replaceAll(IMPORT, (statement, names: string, index: string) => {
    const origins = indexes.get(index);
    if (origins === undefined) return statement;

    return valuesOf(names)
      .map((imported) => {
        const [name = ''] = imported.split(' as ');
        const path = origins.get(name);
        if (path === undefined) throw new Error(`build: no "${name}" in the index of ${index}`);
        return `import { ${imported} } from ${JSON.stringify(path)};`;
      })
      .join(' ');
  });
}

const FROM_ELSEWHERE = /^export (?:\*|\{([^}]*)\}) from '([^']+)';/gm;
const OWN = /^export (?:async )?(?:function\*?|const|class) (\w+)/gm;

/** @yields what a module exports, its types left out, and the path of the file that has it */
function* originsIn(path: string): Generator<readonly [name: string, path: string]> {
  const source = readFileSync(path, 'utf8');
  for (const [, name = ''] of source.matchAll(OWN)) yield [name, path];
  for (const [statement, names, from = ''] of source.matchAll(FROM_ELSEWHERE)) {
    // What another folder gives out is led past its index when it is loaded.
    if (from.startsWith('#')) {
      for (const name of valuesOf(names ?? '')) yield [name, path];
      continue;
    }
    const origins = new Map(originsIn(join(dirname(path), from)));
    if (names === undefined) yield* origins;
    for (const name of valuesOf(names ?? '')) {
      const origin = origins.get(name);
      if (origin === undefined) throw new Error(`build: no "${name}" behind ${statement}`);
      yield [name, origin];
    }
  }
}

/** The names between the braces of an import or export that are no types. */
function valuesOf(names: string): readonly string[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('type '));
}
