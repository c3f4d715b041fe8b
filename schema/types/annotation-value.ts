import type { Annotations } from './name-values.ts';

/** The value of the annotation with this name. A file by itself: stage1 reads no schema. */
export function annotationValue(
  annotations: Annotations | undefined,
  name: string,
): string | undefined {
  return annotations?.find((annotation) => annotation.name === name)?.value;
}
