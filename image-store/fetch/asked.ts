import { GantryError } from '#base/errors/gantry-error';
import type { Labels } from '#schema/types/labels';
import { labelValue } from '#schema/types/labels';
import type { AcIdentifier } from '#schema/types/names';
import type { ImageName } from '../reference/image-name.ts';

/** What an image says of itself, as far as it can be asked for. */
export interface Named {
  readonly name: AcIdentifier;
  readonly labels?: Labels | undefined;
}

/**
 * Demands that what came is what was asked for: the name, and every label.
 * @throws GantryError IMAGE_NAME_MISMATCH, IMAGE_LABEL_MISMATCH
 */
export function demandAsked(image: Named, asked: ImageName): void {
  if (image.name !== asked.name) {
    throw new GantryError(
      'IMAGE_NAME_MISMATCH',
      `cannot accept image "${asked.name}": what came is named "${image.name}"`,
      { hint: 'its server hands out the wrong image, by mistake or not: tell its publisher' },
    );
  }
  for (const { name, value } of asked.labels) {
    const given = labelValue(image.labels ?? [], name);
    if (given === value) continue;

    const state = given === undefined ? `has no label "${name}"` : `has ${name}="${given}"`;
    throw new GantryError(
      'IMAGE_LABEL_MISMATCH',
      `cannot accept image "${asked.name}": ${name}="${value}" was asked for, what came ${state}`,
      { hint: 'ask for the labels that the image has, or tell its publisher' },
    );
  }
}

/** Whether an image of the store is what was asked for. */
export function isAsked(image: Named, asked: ImageName): boolean {
  return (
    image.name === asked.name &&
    asked.labels.every(({ name, value }) => labelValue(image.labels ?? [], name) === value)
  );
}
