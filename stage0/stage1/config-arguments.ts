import type { GcArguments } from '#stage1';
import type { OperationContext } from '../operations/context.ts';

/** What every stage1 is told of how gantry was called. */
export function configArguments(context: OperationContext): Omit<GcArguments, 'uuid'> {
  return {
    debug: context.debug,
    localConfig: context.localConfigDir,
    systemConfig: context.systemConfigDir,
    userConfig: context.userConfigDir,
  };
}
