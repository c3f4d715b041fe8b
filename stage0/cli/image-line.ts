import { type OptionSpecs, type OptionToken, type Token, tokenize } from './option.ts';
import { isUnknownWord, usageError } from './usage-error.ts';

/** One image of a command line with what is bound to it. */
export interface ImageSegment {
  /** As typed. */
  readonly image: string;
  /** The app flags that followed it, in their order. */
  readonly tokens: readonly OptionToken[];
  /** What stood between `--` and `---`. */
  readonly args: readonly string[];
}

/** A command line of images (fact sheet 1.3), taken apart. */
export interface ImageLine {
  /** Global and pod flags, from anywhere on the line. */
  readonly tokens: readonly OptionToken[];
  /** App flags before the first image, meant for every app; only those that `shared` allows. */
  readonly shared: readonly OptionToken[];
  readonly images: readonly ImageSegment[];
}

/** What may stand on a command line of images. */
export interface ImageGrammar {
  /** Global and pod flags, anywhere. */
  readonly pod: OptionSpecs;
  /** Flags that bind to the image before them. */
  readonly app: OptionSpecs;
  /** App flags that may stand before the first image and then mean every app. */
  readonly shared: readonly string[];
  /** Whether images may have arguments. */
  readonly args: boolean;
}

interface Segment extends ImageSegment {
  readonly tokens: OptionToken[];
  args: readonly string[];
  hasArgs: boolean;
}

interface Draft {
  readonly tokens: OptionToken[];
  readonly shared: OptionToken[];
  readonly images: Segment[];
}

/**
 * Takes a command line of images apart:
 *
 *     [POD-FLAGS] ( IMAGE [APP-FLAGS|POD-FLAGS]* [-- ARG* [---]] )*
 *
 * Every word is an image, every app flag belongs to the image before it, a lone
 * `--` opens that image's arguments, which run to a lone `---` or the end. A
 * `---` elsewhere and empty words outside of arguments mean nothing, as in rkt;
 * empty arguments are arguments, unlike there.
 * @throws GantryError BAD_USAGE
 */
export function parseImageLine(args: readonly string[], grammar: ImageGrammar): ImageLine {
  const line: Draft = { tokens: [], shared: [], images: [] };
  for (let rest = args; rest.length > 0; ) {
    const terminator = takeWords(line, rest, grammar);
    if (terminator === undefined) break;

    rest = takeArguments(line, rest.slice(terminator + 1), grammar);
  }

  return line;
}

/** Reads images and flags up to a lone `--`. @returns its place, undefined when there is none */
function takeWords(
  line: Draft,
  args: readonly string[],
  grammar: ImageGrammar,
): number | undefined {
  for (const token of tokensOf(line, args, grammar)) {
    switch (token.kind) {
      case 'terminator':
        return token.index;
      case 'word':
        if (token.text !== '') {
          line.images.push({ image: token.text, tokens: [], args: [], hasArgs: false });
        }
        break;
      case 'option':
        if (Object.hasOwn(grammar.pod, token.name)) line.tokens.push(token);
        else bind(line, token, grammar);
        break;
    }
  }

  return undefined;
}

/** A flag after an image that is none of ours may be meant for its app. */
function* tokensOf(line: Draft, args: readonly string[], grammar: ImageGrammar): Generator<Token> {
  try {
    yield* tokenize(args, { ...grammar.app, ...grammar.pod });
  } catch (error) {
    const isOfApp = grammar.args && line.images.length > 0 && isUnknownWord(error);
    throw isOfApp ? Object.assign(error, { note: ARGUMENTS_NOTE }) : error;
  }
}

const ARGUMENTS_NOTE = 'arguments of an app follow "--": IMAGE -- ARGUMENT…';

function bind(line: Draft, token: OptionToken, { shared }: ImageGrammar): void {
  const image = line.images.at(-1);
  if (image !== undefined) image.tokens.push(token);
  else if (shared.includes(token.name)) line.shared.push(token);
  else {
    throw usageError(
      `flag --${token.name} must follow an image`,
      'it belongs to one app: put it after the image that it is meant for',
    );
  }
}

/** Reads the arguments of the last image. @returns what follows them */
function takeArguments(
  line: Draft,
  rest: readonly string[],
  grammar: ImageGrammar,
): readonly string[] {
  const image = line.images.at(-1);
  if (!grammar.args) throw usageError('arguments for apps mean nothing here');
  if (image === undefined) throw usageError('arguments after "--" must follow an image');
  if (image.hasArgs) {
    throw usageError(`arguments of image "${image.image}" are given twice`);
  }

  const end = rest.indexOf('---');
  image.hasArgs = true;
  image.args = end < 0 ? rest : rest.slice(0, end);

  return end < 0 ? [] : rest.slice(end + 1);
}
