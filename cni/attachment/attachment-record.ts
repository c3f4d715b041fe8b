import { GantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { isJsonObject, type JsonObject, parseJsonObject } from '../config/json.ts';
import { parseContainerId, parseInterfaceName } from '../config/names.ts';
import type { NetworkConfig } from '../config/network-config.ts';
import { completeNetwork, readNetworkDraft } from '../config/network-config.ts';
import { type AttachmentParameters, checkParameters } from '../invoke/parameters.ts';
import { parseResult } from '../result/parse-result.ts';
import { type CniVersion, releasedVersion } from '../version/cni-version.ts';
import type { Attachment } from './attachment.ts';

/** The format of the records that this version writes; newer ones are refused. */
const FORMAT = 1;

/**
 * Writes an attachment as one JSON object:
 * - `format`: 1
 * - `state`, `time`: as in `Attachment`
 * - `containerId`, `ifName`, `netns`, `args`, `capabilityArgs`, `configArgs`: the parameters
 * - `cniVersion`: the version spoken
 * - `source`: where the network was read from
 * - `config`: the network as a configuration list of spec 1.1, all plugins inlined
 * - `result`: the last plugin's own, in the form of `cniVersion`
 */
export function formatAttachment(attachment: Attachment): string {
  const { parameters, network, rawResult } = attachment;

  return JSON.stringify({
    ...parameters,
    format: FORMAT,
    state: attachment.state,
    time: attachment.time,
    cniVersion: attachment.version,
    source: network.source,
    config: configList(network),
    ...(rawResult === undefined ? {} : { result: rawResult }),
  });
}

/** The configuration list that reads as this network. */
function configList(network: NetworkConfig): JsonObject {
  return {
    cniVersions: network.versions,
    name: network.name,
    disableCheck: network.disableCheck,
    disableGC: network.disableGc,
    loadOnlyInlinedPlugins: true,
    plugins: network.plugins.map(({ fields }) => fields),
  };
}

/**
 * Reads the record of an attachment.
 * @param path where it lies, for messages
 * @throws GantryError CNI_ATTACHMENT_UNREADABLE, CNI_ATTACHMENT_TOO_NEW
 */
export function parseAttachment(text: string, path: string): Attachment {
  const what = `the attachment record ${quoted(path)}`;
  const fields = parseJsonObject(text, what, 'CNI_ATTACHMENT_UNREADABLE');
  checkFormat(fields['format'], path);

  try {
    return readAttachment(fields);
  } catch (cause) {
    throw unreadable(path, 'it is damaged', cause);
  }
}

/** The error of a record that is of no use. */
export function unreadable(path: string, state: string, cause: unknown): GantryError {
  return new GantryError(
    'CNI_ATTACHMENT_UNREADABLE',
    `cannot read the attachment record ${quoted(path)}: ${state}`,
    { cause },
  );
}

function checkFormat(format: unknown, path: string): void {
  if (format === FORMAT) return;
  if (typeof format !== 'number' || format < FORMAT) {
    throw unreadable(path, 'it names no format', undefined);
  }

  throw new GantryError(
    'CNI_ATTACHMENT_TOO_NEW',
    `cannot read the attachment record ${quoted(path)}: its format is ${format}, newer than ${FORMAT}`,
    { hint: 'a newer version of the program wrote it; use that one' },
  );
}

function readAttachment(fields: JsonObject): Attachment {
  const { state, time, config, result: rawResult } = fields;
  if (state !== 'attaching' && state !== 'attached') throw new TypeError('no state');
  if (!isJsonObject(config)) throw new TypeError('no configuration');
  const version = readVersion(fields['cniVersion']);
  const isDone = state === 'attached' && isJsonObject(rawResult);
  const origin = { what: 'the kept result', code: 'CNI_ATTACHMENT_UNREADABLE' };

  return {
    state: isDone ? 'attached' : 'attaching',
    network: completeNetwork(readNetworkDraft(config, readText(fields['source']), 'list'), []),
    version,
    parameters: readParameters(fields),
    time: typeof time === 'number' ? time : 0,
    result: isDone ? parseResult(rawResult, version, origin) : undefined,
    rawResult: isDone ? rawResult : undefined,
  };
}

function readVersion(value: unknown): CniVersion {
  const version = releasedVersion(readText(value));
  if (version === undefined) throw new TypeError('no version');

  return version;
}

function readParameters(fields: JsonObject): AttachmentParameters {
  const { args, capabilityArgs, configArgs } = fields;
  const parameters: AttachmentParameters = {
    containerId: parseContainerId(readText(fields['containerId'])),
    netns: readText(fields['netns']),
    ifName: parseInterfaceName(readText(fields['ifName'])),
    ...(Array.isArray(args) ? { args: args.map(readArg) } : {}),
    ...(isJsonObject(capabilityArgs) ? { capabilityArgs } : {}),
    ...(isJsonObject(configArgs) ? { configArgs } : {}),
  };
  checkParameters(parameters);

  return parameters;
}

function readArg(value: unknown): readonly [string, string] {
  if (!Array.isArray(value)) throw new TypeError('no argument');

  return [readText(value[0]), readText(value[1])];
}

function readText(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('no text');

  return value;
}
