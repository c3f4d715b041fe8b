import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Setting, Unit } from './unit.ts';

/** Where units lie in a stage1 root; rkt's place. */
export const UNIT_DIR = '/usr/lib/systemd/system';

/** The text of a unit file. */
export function formatUnit({ unit, service, socket, timer }: Unit): string {
  return [
    ...section('Unit', unit),
    ...section('Service', service),
    ...section('Socket', socket),
    ...section('Timer', timer),
  ].join('');
}

/** Puts units into a stage1 root. */
export function writeUnits(root: string, units: readonly Unit[]): void {
  const folder = join(root, UNIT_DIR);
  mkdirSync(folder, { recursive: true });
  for (const unit of units) writeFileSync(join(folder, unit.name), formatUnit(unit));
}

function section(name: string, settings: readonly Setting[] | undefined): readonly string[] {
  if (settings === undefined) return [];

  return [`[${name}]\n`, ...settings.map(([key, value]) => `${key}=${value}\n`)];
}
