import { describe, expect, it } from 'vitest';
import { createRecordingKernel } from '#base/kernel/recording-kernel';
import { mountOverlay, overlayObstacle } from './overlay.ts';

describe('overlayObstacle()', () => {
  it('is a kernel without overlays', () => {
    const filesystems = 'nodev\tproc\nnodev\toverlay\n';

    expect(overlayObstacle('/', 'nodev\tproc\n')).toMatch(/kernel has no overlay/);
    expect(overlayObstacle('/proc', filesystems)).toBeUndefined();
  });
});

describe('mountOverlay()', () => {
  it('says which pod it failed for, why, and what goes without', () => {
    const kernel = createRecordingKernel();
    kernel.failNext('mount', 22);
    const place = { podDir: '/pod', treeId: 'tree', app: 'app', lowers: ['/lower'] };

    expect(() => mountOverlay(kernel, place, '/target')).toThrow(
      expect.objectContaining({
        code: 'OVERLAY_REFUSED',
        message: expect.stringContaining('pod in "/pod"'),
        hint: expect.stringContaining('--no-overlay'),
        cause: expect.objectContaining({ errno: 'EINVAL' }),
      }),
    );
  });
});
