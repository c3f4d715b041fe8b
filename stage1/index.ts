export * from './contract/annotations.ts';
export * from './contract/arguments.ts';
export * from './contract/entrypoint.ts';
export * from './contract/environment.ts';
export * from './layout/pod-paths.ts';
