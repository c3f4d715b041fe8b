import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

// What is loaded with the store is loaded by every `run`.

/** Not looked for by name in the sources, which may import them in functions. */
const HEAVY = ['openpgp', 'tar', 'node-fetch', 'cli-progress', 'fs-extra'];
const SLOW_BUILTINS = ['node:http', 'node:https', 'node:zlib', 'node:tls', 'node:child_process'];

let loaded: { readonly files: readonly string[]; readonly builtins: readonly string[] };
beforeAll(async () => {
  const root = join(import.meta.dirname, '..');
  const { metafile } = await build({
    stdin: {
      contents: "export { openImageStore, openTrust, fetchImage } from '#image-store';",
      resolveDir: import.meta.dirname,
    },
    absWorkingDir: root,
    outdir: join(root, '.build', 'unused'),
    bundle: true,
    splitting: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  loaded = staticClosure(metafile);
});

/** All that the entry point imports, however far, but not what it imports when a function runs. */
function staticClosure({ outputs }: Metafile): typeof loaded {
  const files = new Set<string>();
  const builtins = new Set<string>();
  const pending = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint === '<stdin>');
  const seen = new Set<string>();
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const output = outputs[path];
    if (output === undefined || seen.has(path)) continue;
    seen.add(path);
    for (const input of Object.keys(output.inputs)) files.add(input);
    for (const { path: target, kind, external } of output.imports) {
      if (kind !== 'import-statement') continue;
      if (external === true) builtins.add(target);
      else pending.push(target);
    }
  }

  return { files: [...files], builtins: [...builtins] };
}

describe('#image-store', () => {
  it('is looked at at all', () => {
    expect(loaded.files).toContain('image-store/open-image-store.ts');
    expect(loaded.builtins).toContain('node:fs');
  });

  it.each(HEAVY)('does not load %s', (name) => {
    expect(loaded.files.filter((file) => file.includes(`node_modules/${name}/`))).toEqual([]);
  });

  it.each(SLOW_BUILTINS)('does not load %s', (name) => {
    expect(loaded.builtins).not.toContain(name);
  });
});
