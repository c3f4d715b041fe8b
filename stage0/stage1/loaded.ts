/** What of stage1s was loaded into this process, for main.ts, which ends it. */
interface Loaded {
  /** Whether something has been given up and may run on: then the process does not end by itself. */
  unfinished: boolean;
  /** Name of the stage1 that others made: what nobody caught is taken to be its failure. */
  foreign: string | undefined;
}

export const loaded: Loaded = { unfinished: false, foreign: undefined };
