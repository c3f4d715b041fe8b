export type Empty = never;
