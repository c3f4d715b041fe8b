import { type AST, parseTOML } from 'toml-eslint-parser';
import { errorMessage } from '#base/errors/gantry-error';

/** The values of a TOML text, and where they stand in it. */
export interface TomlDocument {
  /** Tables have no prototype: `__proto__` is a key as any other. */
  readonly value: Table;
  /** The line of a value, counted from 1; that of the nearest one above it where there is none. */
  lineOf(keys: Keys): number;
}

/** The way to a value: names, and indexes of arrays. */
export type Keys = readonly (string | number)[];

export type Table = Record<string | number, unknown>;

/** Why a text is no TOML. */
export interface TomlProblem {
  readonly line: number;
  readonly problem: string;
}

/** Reads TOML 1.0, strictly: a key that stands twice is a problem. */
export function readToml(text: string): TomlDocument | TomlProblem {
  try {
    return documentOf(parseTOML(text, { tomlVersion: '1.0' }));
  } catch (error) {
    const { lineNumber: line = 1 } = error as { readonly lineNumber?: number };
    const reason = error instanceof RangeError ? 'it is nested too deeply' : errorMessage(error);
    return { line, problem: `it is not TOML: ${reason}` };
  }
}

// The library's own way to the values follows `__proto__` to what all objects share.
function documentOf({ body: [top] }: AST.TOMLProgram): TomlDocument {
  const lines = new Map<string, number>();
  const note = (keys: Keys, { loc }: AST.TOMLNode): void => {
    // `[a.b]` is the first that is heard of `a`, too.
    for (const index of keys.keys()) {
      const name = JSON.stringify(keys.slice(0, index + 1));
      if (!lines.has(name)) lines.set(name, loc.start.line);
    }
  };
  const fill = (table: Table, entries: readonly AST.TOMLKeyValue[], at: Keys): Table => {
    for (const entry of entries) {
      const names = entry.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
      const place = reach(table, names.slice(0, -1));
      place[names.at(-1) ?? ''] = read(entry.value, [...at, ...names]);
    }
    return table;
  };
  const read = (node: AST.TOMLContentNode, keys: Keys): unknown => {
    note(keys, node);
    switch (node.type) {
      case 'TOMLArray':
        return node.elements.map((each, index) => read(each, [...keys, index]));
      case 'TOMLInlineTable':
        return fill(newTable(), node.body, keys);
      default:
        return node.value;
    }
  };

  const value = newTable();
  for (const node of top.body) {
    if (node.type === 'TOMLKeyValue') {
      fill(value, [node], []);
      continue;
    }
    note(node.resolvedKey, node);
    fill(reach(value, node.resolvedKey), node.body, node.resolvedKey);
  }

  return {
    value,
    lineOf: (keys) => {
      const above = keys.map((_, index) => keys.slice(0, keys.length - index));
      const known = above.map((each) => lines.get(JSON.stringify(each)));
      return known.find((line) => line !== undefined) ?? 1;
    },
  };
}

const newTable = (): Table => Object.create(null) as Table;

/** What lies at the end of a way, made where it is not there yet. */
function reach(table: Table, keys: Keys): Table {
  let at = table;
  for (const [index, key] of keys.entries()) {
    at[key] ??= typeof keys[index + 1] === 'number' ? [] : newTable();
    at = at[key] as Table;
  }

  return at;
}
