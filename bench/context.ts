/** What every suite is given. */
export interface BenchContext {
  readonly gantry: string;
  /** The Node that gantry itself runs on. */
  readonly node: string;
  /** An empty folder of the suite's own. */
  readonly work: string;
}
