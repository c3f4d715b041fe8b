import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, of each project. */
const LONG: readonly string[] = [
  'network-many.nspawn.test.ts',
  'disk-full.test.ts',
  'exits.nspawn.test.ts',
  'systemd-host.nspawn.test.ts',
  'kill.race.test.ts',
  'every-step.race.test.ts',
  'short-pods.race.test.ts',
  'store.race.test.ts',
];

/** The order of vitest, which is that of sizes, but the longest files of a project first: all workers end at about the same time. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project))];

    return projects.flatMap((project) => {
      const own = sorted.filter((file) => file.project === project);
      return [...LONG.flatMap((name) => own.filter(isCalled(name))), ...own.filter(isOther)];
    });
  }
}

function isCalled(name: string): (file: TestSpecification) => boolean {
  return ({ moduleId }) => basename(moduleId) === name;
}

function isOther({ moduleId }: TestSpecification): boolean {
  return !LONG.includes(basename(moduleId));
}
