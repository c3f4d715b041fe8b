import { buildDist } from './build/dist.ts';
import { ensurePackages } from './setup/packages.ts';

await ensurePackages('run');
await buildDist();
