/** A file of an image, as far as a comparison wants it. */
export interface FileNode {
  /** Everything that makes it the same as another; undefined for a directory that no entry made. */
  readonly look: string | undefined;
  /** By name, of a directory; undefined for anything else. */
  readonly children: ReadonlyMap<string, FileNode> | undefined;
}

/** What one archive holds, and what it takes away from those below. */
export interface FileTable {
  /** Puts a file at a clean path, whose target, of a hard link, is there. */
  place(path: string, file: PlacedFile): void;
  /** Takes away what archives below have at a path. */
  hide(path: string): void;
  /** Takes away what archives below have in a directory. */
  clear(path: string): void;
  /** Lays it over what is below. */
  over(below: FileNode): FileNode;
}

export interface PlacedFile {
  readonly look: string;
  readonly isDirectory: boolean;
  /** Of a hard link, a clean path: it is that file. */
  readonly linkTarget?: string | undefined;
}

/** What there is before any archive. */
export const EMPTY_ROOT: FileNode = { look: undefined, children: new Map() };

interface TableNode {
  look: string | undefined;
  readonly children: Map<string, TableNode> | undefined;
  readonly hidden: Set<string>;
  isOpaque: boolean;
}

/** Makes a table with nothing in it. */
export function createFileTable(): FileTable {
  const root = newNode(undefined, true);

  return {
    place(path, { look, isDirectory, linkTarget }) {
      const [parts, name] = splitPath(path);
      const folder = folderAt(root, parts);
      if (name === undefined) {
        root.look = look;
        return;
      }
      const before = folder.children?.get(name);
      const target = linkTarget === undefined ? undefined : nodeAt(root, linkTarget);
      if (target !== undefined) folder.children?.set(name, target);
      else if (isDirectory && before?.children !== undefined) before.look = look;
      else folder.children?.set(name, newNode(look, isDirectory));
    },
    hide(path) {
      const [parts, name = ''] = splitPath(path);
      folderAt(root, parts).hidden.add(name);
    },
    clear(path) {
      folderAt(root, path === '' ? [] : path.split('/')).isOpaque = true;
    },
    over: (below) => merge(below, root),
  };
}

const newNode = (look: string | undefined, isDirectory: boolean): TableNode => ({
  look,
  children: isDirectory ? new Map() : undefined,
  hidden: new Set(),
  isOpaque: false,
});

function splitPath(path: string): readonly [folder: readonly string[], name: string | undefined] {
  if (path === '') return [[], undefined];
  const parts = path.split('/');

  return [parts.slice(0, -1), parts.at(-1)];
}

function nodeAt(root: TableNode, path: string): TableNode | undefined {
  return path
    .split('/')
    .reduce<TableNode | undefined>((node, name) => node?.children?.get(name), root);
}

/** The directory at a path, made where there is none. */
function folderAt(root: TableNode, parts: readonly string[]): TableNode {
  let node = root;
  for (const name of parts) {
    let child = node.children?.get(name);
    if (child?.children === undefined) {
      child = newNode(undefined, true);
      node.children?.set(name, child);
    }
    node = child;
  }

  return node;
}

/** What is not touched stays the very same object, so that a comparison need not look into it. */
function merge(below: FileNode | undefined, above: TableNode): FileNode {
  if (above.children === undefined) return above;

  const children = new Map(above.isOpaque ? undefined : below?.children);
  for (const name of above.hidden) children.delete(name);
  for (const [name, node] of above.children) children.set(name, merge(children.get(name), node));
  const isOver = below?.children !== undefined;

  return { look: above.look ?? (isOver ? below.look : undefined), children };
}
