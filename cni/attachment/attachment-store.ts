import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, errorMessage, GantryError, isGantryError } from '#base/errors/gantry-error';
import { quoted } from '#base/errors/quoted';
import { writeFileAtomic } from '#base/fs/atomic';
import { removePath } from '#base/fs/remove-path';
import { type ContainerId, type InterfaceName, parseContainerId } from '../config/names.ts';
import type { Attachment } from './attachment.ts';
import { formatAttachment, parseAttachment, unreadable } from './attachment-record.ts';

/** What tells an attachment from all others: spec 1.1, section 3. */
export interface AttachmentKey {
  readonly containerId: ContainerId;
  readonly ifName: InterfaceName;
}

/** A record that cannot be read; what it stood for has to be detached by hand, or by its network. */
export interface LostAttachment {
  readonly path: string;
  readonly error: GantryError;
}

/**
 * The attachments on disk: `DIR/CONTAINERID/IFNAME.json`, a record each, put in
 * place whole. A record is there from before the first plugin of ADD is run
 * until after the last one of DEL has succeeded, so that whatever dies between
 * leaves a trace.
 */
export interface AttachmentStore {
  /**
   * @param durable whether it has to survive a power loss
   * @throws GantryError CNI_ATTACHMENT_NOT_WRITTEN
   */
  write(attachment: Attachment, durable: boolean): void;
  /**
   * @returns undefined when there is none
   * @throws GantryError CNI_ATTACHMENT_UNREADABLE, CNI_ATTACHMENT_TOO_NEW
   */
  read(key: AttachmentKey): Attachment | undefined;
  /**
   * Nothing when there is none.
   * @throws GantryError CNI_ATTACHMENT_NOT_WRITTEN
   */
  remove(key: AttachmentKey): void;
  /**
   * Removes all of a container's, those that cannot be read as well.
   * @throws GantryError CNI_ATTACHMENT_NOT_WRITTEN
   */
  removeAll(containerId: ContainerId): void;
  /** All attachments, of one container if given, oldest first. */
  list(containerId?: ContainerId): AttachmentList;
}

export interface AttachmentList {
  readonly attachments: readonly Attachment[];
  readonly lost: readonly LostAttachment[];
}

const ENDING = '.json';

/** Opens a store of attachments. Its folder is made when the first is written; others than root have no business there. */
export function openAttachmentStore(dir: string): AttachmentStore {
  const containerDir = (id: ContainerId): string => join(dir, id);
  const recordPath = (key: AttachmentKey): string =>
    join(containerDir(key.containerId), `${key.ifName}${ENDING}`);

  return {
    write(attachment, durable) {
      const { parameters } = attachment;
      const text = formatAttachment(attachment);
      const write = (): void => {
        mkdirSync(containerDir(parameters.containerId), { recursive: true, mode: 0o700 });
        writeFileAtomic(recordPath(parameters), text, { mode: 0o600, durable });
      };
      try {
        // Somebody may remove the container's last other record, and the folder with it.
        retryOnce('ENOENT', write);
      } catch (error) {
        throw notWritten(recordPath(parameters), error);
      }
    },
    read: (key) => readRecord(recordPath(key)),
    remove(key) {
      try {
        removePath(recordPath(key), { force: true });
        removeIfEmpty(containerDir(key.containerId));
      } catch (error) {
        if (errorCode(error) !== 'ENOTDIR') throw notWritten(recordPath(key), error);
      }
    },
    removeAll(containerId) {
      try {
        removePath(containerDir(containerId), { recursive: true, force: true });
      } catch (error) {
        throw notWritten(containerDir(containerId), error);
      }
    },
    list(containerId) {
      const ids = containerId === undefined ? containersOf(dir) : [containerId];
      return readAll(ids.flatMap((id) => recordsOf(containerDir(id))));
    },
  };
}

function retryOnce(code: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (errorCode(error) !== code) throw error;
    action();
  }
}

function notWritten(path: string, cause: unknown): GantryError {
  return new GantryError(
    'CNI_ATTACHMENT_NOT_WRITTEN',
    `cannot write or remove the attachment record ${quoted(path)}: ${errorCode(cause) ?? errorMessage(cause)}`,
    { cause },
  );
}

function readRecord(path: string): Attachment | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, errorCode(error) ?? 'it cannot be read', error);
  }

  return parseAttachment(text, path);
}

function readAll(paths: readonly string[]): AttachmentList {
  const attachments: Attachment[] = [];
  const lost: LostAttachment[] = [];
  for (const path of paths) {
    try {
      const attachment = readRecord(path);
      if (attachment !== undefined) attachments.push(attachment);
    } catch (error) {
      if (!isGantryError(error)) throw error;
      lost.push({ path, error });
    }
  }

  return { attachments: attachments.sort((a, b) => a.time - b.time), lost };
}

function containersOf(dir: string): readonly ContainerId[] {
  return entriesOf(dir).flatMap((name) => {
    try {
      return [parseContainerId(name)];
    } catch {
      return [];
    }
  });
}

function recordsOf(dir: string): readonly string[] {
  return entriesOf(dir)
    .filter((name) => name.endsWith(ENDING))
    .map((name) => join(dir, name));
}

function entriesOf(dir: string): readonly string[] {
  try {
    return readdirSync(dir).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

/** A folder that another attachment has just been written into stays. */
function removeIfEmpty(dir: string): void {
  try {
    rmdirSync(dir);
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes(errorCode(error) ?? '')) throw error;
  }
}
