import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import type { Branded } from '#schema/types/brand';

/** The name of a network: spec 1.1, section 1. Safe as a file name. */
export type NetworkName = Branded<'CniNetworkName'>;

/** `CNI_CONTAINERID`: spec 1.1, section 2. Safe as a file name. */
export type ContainerId = Branded<'CniContainerId'>;

/** `CNI_IFNAME`: the name of an interface inside the container. Safe as a file name. */
export type InterfaceName = Branded<'CniInterfaceName'>;

/** What names of networks and containers are made of; the spec gives the pattern. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;

/** A file name holds 255 bytes (linux/limits.h), and what is kept for a name adds an ending and a lock. */
const NAME_LENGTH = 200;

/** IFNAMSIZ of linux/if.h, less the final zero. */
export const INTERFACE_NAME_LENGTH = 15;

/** @throws GantryError CNI_NAME_INVALID */
export function parseNetworkName(text: string): NetworkName {
  return checkName(text, 'network') as NetworkName;
}

/** @throws GantryError CNI_NAME_INVALID */
export function parseContainerId(text: string): ContainerId {
  return checkName(text, 'container') as ContainerId;
}

/**
 * What the kernel takes (dev_valid_name in net/core/dev.c), in printable ASCII;
 * `%` is left out because the kernel counts up where it stands.
 * @throws GantryError CNI_NAME_INVALID
 */
export function parseInterfaceName(text: string): InterfaceName {
  const shown = quoted(text);
  if (text === '') throw invalid('cannot name an interface: the name is empty');
  if (text.length > INTERFACE_NAME_LENGTH) {
    throw invalid(
      `cannot name an interface ${shown}: longer than ${INTERFACE_NAME_LENGTH} characters`,
    );
  }
  if (text === '.' || text === '..' || !/^[!-~]+$/.test(text) || /[/:%]/.test(text)) {
    throw invalid(`cannot name an interface ${shown}: it has characters that are not allowed`);
  }

  return text as InterfaceName;
}

function checkName(text: string, kind: string): string {
  if (text === '') throw invalid(`cannot name a ${kind}: the name is empty`);
  if (text.length > NAME_LENGTH) {
    throw invalid(`cannot name a ${kind} ${quoted(text)}: longer than ${NAME_LENGTH} characters`);
  }
  if (!NAME.test(text)) {
    throw invalid(
      `cannot name a ${kind} ${quoted(text)}: it has characters that are not allowed`,
      'use letters, digits, "_", "." and "-", beginning with a letter or digit',
    );
  }

  return text;
}

function invalid(message: string, hint?: string): GantryError {
  return new GantryError('CNI_NAME_INVALID', message, { hint });
}
