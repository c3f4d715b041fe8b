import { describe, expect, it } from 'vitest';
import { appEnvironment, DEFAULT_PATH, mergeEnvironment } from './environment.ts';

describe('appEnvironment()', () => {
  it('gives what an app must have, and root where nobody says who it runs as', () => {
    expect(appEnvironment({ appName: 'web', environment: [] })).toEqual({
      PATH: DEFAULT_PATH,
      SHELL: '/bin/sh',
      USER: 'root',
      LOGNAME: 'root',
      HOME: '/root',
      container: 'gantry',
      AC_APP_NAME: 'web',
    });
  });

  it('takes defaults from the account, and lets the manifest change all but the name of the app', () => {
    const env = appEnvironment({
      appName: 'web',
      account: { name: 'user', home: '/home/user', shell: '' },
      environment: [
        { name: 'PATH', value: '/opt/bin' },
        { name: 'HOME', value: '/data' },
        { name: 'AC_APP_NAME', value: 'other' },
      ],
      metadataUrl: 'http://x',
    });

    expect(env).toMatchObject({
      PATH: '/opt/bin',
      USER: 'user',
      SHELL: '/bin/sh',
      HOME: '/data',
      AC_APP_NAME: 'web',
      AC_METADATA_URL: 'http://x',
    });
  });
});

describe('mergeEnvironment()', () => {
  it('puts the parent below the image, and --environment above all', () => {
    const layers = {
      parent: { A: 'parent', P: 'parent' },
      image: [
        { name: 'A', value: 'image' },
        { name: 'B', value: 'image' },
      ],
      setEnvFile: { B: 'file', C: 'file' },
      setEnv: { C: 'flag', D: 'flag' },
      app: { D: 'app' },
    };

    expect(
      Object.fromEntries(mergeEnvironment(layers).map(({ name, value }) => [name, value])),
    ).toEqual({ A: 'image', P: 'parent', B: 'file', C: 'flag', D: 'app' });
  });
});
