import { GantryError } from '#base/errors/gantry-error';
import { hostLabels, type Labels, labelValue, makeLabels } from '#schema/types/labels';
import { type AcIdentifier, parseAcIdentifier } from '#schema/types/names';

/** An image by name and labels. */
export interface ImageName {
  readonly name: AcIdentifier;
  readonly labels: Labels;
}

/**
 * Reads `name[:version][,label=value]*`; a colon beyond the first comma belongs
 * to a label's value. Missing `os` and `arch` labels become the host's.
 * @throws GantryError IMAGE_REFERENCE_INVALID, IDENTIFIER_INVALID, LABEL_INVALID
 */
export function parseImageName(text: string): ImageName {
  const [head = '', ...assignments] = text.split(',');
  const [name = '', version, ...rest] = head.split(':');
  if (rest.length > 0) throw invalid(text, 'more than one colon before the first comma');
  if (version === '') throw invalid(text, 'nothing follows the colon');

  const pairs = assignments.map((assignment) => readAssignment(text, assignment));
  if (version !== undefined) pairs.unshift(['version', version]);

  return { name: parseAcIdentifier(name), labels: withHostLabels(makeLabels(pairs)) };
}

/** Adds the host's `os` and `arch` where they are missing (fact sheet 1.3). */
export function withHostLabels(labels: Labels): Labels {
  const host = hostLabels();
  const missing = (['os', 'arch'] as const).filter(
    (name) => labelValue(labels, name) === undefined,
  );

  return missing.length === 0
    ? labels
    : makeLabels([
        ...labels.map(({ name, value }) => [name, value] as const),
        ...missing.map((name) => [name, host[name]] as const),
      ]);
}

/** An image by name as a user would type it: `example.com/app:1.0,os=linux,arch=amd64`. */
export function formatImageName({ name, labels }: ImageName): string {
  const version = labelValue(labels, 'version');
  const others = labels.filter((label) => label.name !== 'version');
  const assignments = others.map((label) => `,${label.name}=${label.value}`);

  return `${name}${version === undefined ? '' : `:${version}`}${assignments.join('')}`;
}

function readAssignment(text: string, assignment: string): readonly [string, string] {
  const at = assignment.indexOf('=');
  if (at < 1) throw invalid(text, `"${assignment}" is not LABEL=VALUE`);
  const value = assignment.slice(at + 1);
  if (value === '') throw invalid(text, `label "${assignment.slice(0, at)}" has no value`);

  return [assignment.slice(0, at), value];
}

function invalid(text: string, state: string): GantryError {
  return new GantryError('IMAGE_REFERENCE_INVALID', `cannot read image name "${text}": ${state}`, {
    hint: 'write it as NAME[:VERSION][,LABEL=VALUE]',
  });
}
