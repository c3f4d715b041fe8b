import { lstatSync, type RmOptions, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { errorCode } from '../errors/gantry-error.ts';

/**
 * As `rmSync`, whose errors lack the code where its C++ library has no name for
 * it, EROFS for instance: the kernel is asked once more then.
 * @throws what the kernel says
 */
export function removePath(path: string, options: RmOptions = {}): void {
  try {
    rmSync(path, options);
  } catch (error) {
    if (errorCode(error) !== '') throw error;
    if (lstatSync(path).isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  }
}
