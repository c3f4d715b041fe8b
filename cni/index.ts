/** Nothing here so far. */
export type Empty = never;
