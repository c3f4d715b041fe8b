import { describe, expect, it } from 'vitest';
import { annotationValue } from '../types/annotation-value.ts';
import { VOLUMES_ANNOTATION } from './annotations.ts';
import { parseOciConfig } from './config.ts';
import { aciOfOci } from './to-aci.ts';
import { ociToAppc } from './to-appc.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

function aciOf(config: object, rest: object = {}): ReturnType<typeof aciOfOci> {
  const text = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    config,
    ...rest,
    rootfs: { type: 'layers', diff_ids: [] },
  });
  const parsed = parseOciConfig(text, 'configuration');
  const { manifest } = ociToAppc(parsed, { name: 'localhost:5000/A__b', version: '1' }, DIGEST);

  return aciOfOci(manifest, parsed);
}

describe('aciOfOci()', () => {
  it('makes mount points of volumes, each of a name of its own', () => {
    const paths = ['/data', '/data/', '/Data', '/d.a+t/a', '/d-a-t-a', '/'];
    const { app, annotations } = aciOf({
      Volumes: Object.fromEntries(paths.map((path) => [path, {}])),
    });
    expect(app?.mountPoints).toEqual([
      { name: 'volume-data', path: '/data' },
      { name: 'volume-data-2', path: '/Data' },
      { name: 'volume-d-a-t-a', path: '/d.a+t/a' },
      { name: 'volume-d-a-t-a-2', path: '/d-a-t-a' },
    ]);
    expect(annotationValue(annotations, VOLUMES_ANNOTATION)).toBeUndefined();
  });

  it('names the author, and has no mount points where there are no volumes', () => {
    const { name, app, annotations } = aciOf({ Cmd: ['/a'] }, { author: 'Me <me@example.com>' });
    expect(name).toBe('localhost-5000/a-b');
    expect(app).toMatchObject({ exec: ['/a'] });
    expect(app).not.toHaveProperty('mountPoints');
    expect(annotationValue(annotations, 'authors')).toBe('Me <me@example.com>');
  });
});
