import { array, assert, constantFrom, oneof, property, record, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isGantryError } from '#base/errors/gantry-error';
import { type ImageGrammar, parseImageLine } from './image-line.ts';
import { parsePodLine } from './pod-request.ts';
import { PREPARE_OPTIONS, RUN_OPTIONS } from './pod-options.ts';

const grammar: ImageGrammar = {
  pod: {
    net: { kind: 'optionals', bare: 'default', summary: '' },
    volume: { kind: 'values', summary: '' },
    quiet: { kind: 'flag', summary: '' },
  },
  app: {
    exec: { kind: 'value', summary: '' },
    mount: { kind: 'values', summary: '' },
  },
  shared: ['mount'],
  args: true,
};

const parse = (...args: readonly string[]) => parseImageLine(args, grammar);
const option = (name: string, value: string) => ({ kind: 'option', name, value });

describe('parseImageLine()', () => {
  it('binds app flags to the image before them and takes pod flags anywhere', () => {
    expect(
      parse('--net=host', 'a', '--exec=/x', '--quiet', 'b', '--exec', '/y', '--volume=v'),
    ).toEqual({
      tokens: [option('net', 'host'), option('quiet', 'true'), option('volume', 'v')],
      shared: [],
      images: [
        expect.objectContaining({ image: 'a', tokens: [option('exec', '/x')], args: [] }),
        expect.objectContaining({ image: 'b', tokens: [option('exec', '/y')], args: [] }),
      ],
    });
  });

  it('gives arguments to their image up to a lone ---', () => {
    const { images } = parse('a', '--', '--exec', '', '--', '---', '--exec=/x', 'b', '--', 'c');

    expect(images.map(({ image, args }) => [image, args])).toEqual([
      ['a', ['--exec', '', '--']],
      ['b', ['c']],
    ]);
    expect(images[0]?.tokens).toEqual([option('exec', '/x')]);
  });

  it('takes a mount before the first image for all apps', () => {
    const { shared, images } = parse('--mount=one', 'a', '--mount', 'two');

    expect(shared).toEqual([option('mount', 'one')]);
    expect(images[0]?.tokens).toEqual([option('mount', 'two')]);
  });

  it('leaves the word after a bare optional flag alone', () => {
    const { tokens, images } = parse('--net', 'a');

    expect(tokens).toEqual([option('net', 'default')]);
    expect(images.map(({ image }) => image)).toEqual(['a']);
  });

  it('takes whatever follows a flag with a value for its value', () => {
    expect(parse('a', '--exec', '--', '--').images[0]).toMatchObject({
      tokens: [option('exec', '--')],
      args: [],
    });
    expect(parse('a', '--exec', '---').images[0]?.tokens).toEqual([option('exec', '---')]);
  });

  it('drops --- and empty words outside of arguments', () => {
    expect(parse('', '---', 'a', '', '---', 'b').images.map(({ image }) => image)).toEqual([
      'a',
      'b',
    ]);
  });

  it.each([
    [['--exec=/x', 'a'], /--exec must follow an image/],
    [['--', 'x'], /must follow an image/],
    [['a', '--', 'x', '---', '--', 'y'], /given twice/],
    [['a', '--unknown'], /unknown flag --unknown/],
    [['a', '-x'], /unknown flag -x/],
    [['a', '--exec'], /--exec needs a value/],
    [['a', '--quiet=perhaps'], /either true or false/],
    [['a', '--constructor'], /unknown flag --constructor/],
    [['a', '--__proto__=x'], /unknown flag --__proto__/],
  ])('rejects %j', (args, message) => {
    expect(() => parse(...args)).toThrow(message);
  });

  it('rejects arguments where there are none', () => {
    expect(() => parseImageLine(['a', '--', 'x'], { ...grammar, args: false })).toThrow(
      /mean nothing here/,
    );
  });

  it('reads back what was written, wherever the pod flags stand', () => {
    const word = string({ minLength: 1 }).filter((text) => !text.startsWith('-'));
    const argument = string().filter((text) => text !== '---');
    const app = record({
      image: word,
      exec: array(word, { maxLength: 1 }),
      args: array(argument, { maxLength: 4 }),
      quiet: constantFrom([], ['--quiet'], ['--quiet=true']),
    });

    assert(
      property(array(app, { minLength: 1, maxLength: 4 }), (apps) => {
        const args = apps.flatMap(({ image, exec, args: own, quiet }) => [
          image,
          ...exec.flatMap((value) => ['--exec', value]),
          ...quiet,
          ...(own.length === 0 ? [] : ['--', ...own, '---']),
        ]);
        const { images, tokens } = parse(...args);

        expect(images.map(({ image, args: own }) => ({ image, args: own }))).toEqual(
          apps.map(({ image, args: own }) => ({ image, args: own })),
        );
        expect(images.map(({ tokens: own }) => own.map(({ value }) => value))).toEqual(
          apps.map(({ exec }) => exec),
        );
        expect(tokens).toHaveLength(apps.filter(({ quiet }) => quiet.length > 0).length);
      }),
    );
  });

  it('says something of ours about any words', () => {
    const words = oneof(
      string(),
      constantFrom('--', '---', '--net', '--exec', '--mount=a', '-', '--=', '--net=', '-h'),
      tuple(constantFrom('--exec=', '--', '-'), string()).map(([flag, value]) => flag + value),
    );

    assert(
      property(array(words, { maxLength: 8 }), (args) => {
        try {
          parsePodLine(args, { ...PREPARE_OPTIONS, ...RUN_OPTIONS });
        } catch (error) {
          if (!isGantryError(error, 'BAD_USAGE')) throw error;
        }
      }),
    );
  });
});
