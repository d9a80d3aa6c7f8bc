import { isRefineError } from "@samrefine/core";
import { type Outbox, type OutboxEntry, type OutboxFile, openOutbox } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";
import { archiveOf, archiveRoot, listInStudy } from "./archive.ts";
import type { NamedFile } from "./save-files.ts";

/**
 * SEGs that the archive did not take, kept by the browser until it does: they outlive a closed tab. A browser that keeps
 * nothing (a private window, a full disk) takes no part; the SEG then lives as long as the page.
 */
export class WaitingSegs {
  readonly #host: OhifHost;
  #outbox: Promise<Outbox> | undefined;

  constructor(host: OhifHost) {
    this.#host = host;
  }

  #open(): Promise<Outbox> {
    this.#outbox ??= openOutbox({ indexedDB: globalThis.indexedDB });
    return this.#outbox;
  }

  /** @returns false when the browser keeps nothing. */
  async keep(file: OutboxFile): Promise<boolean> {
    try {
      await (await this.#open()).add(file, archiveRoot(this.#host, "store"));
      return true;
    } catch {
      return false;
    }
  }

  /** Those of a study, for the archive that is open now; the oldest first. */
  async of(studyInstanceUid: string): Promise<readonly OutboxEntry[]> {
    try {
      const destination = archiveRoot(this.#host, "store");
      return (await (await this.#open()).list()).filter(
        (entry) => entry.studyInstanceUid === studyInstanceUid && entry.destination === destination,
      );
    } catch {
      return [];
    }
  }

  /** A SEG is in the archive, or a newer one of the same segmentation is. */
  async forget(sopInstanceUids: ReadonlySet<string>): Promise<void> {
    try {
      const outbox = await this.#open();
      for (const { id, sopInstanceUid } of await outbox.list()) {
        if (sopInstanceUids.has(sopInstanceUid)) await outbox.remove(id);
      }
    } catch (error) {
      if (!isRefineError(error)) throw error;
    }
  }

  async discard(id: string): Promise<void> {
    await (await this.#open()).remove(id);
  }

  /**
   * Stores the very object, reads it back and compares it.
   * @returns false when it is stored but the list of series on screen could not be renewed.
   * @throws RefineError `dicomweb`, `seg-encoding`, `configuration`; it stays then.
   */
  async store(entry: OutboxEntry, signal: AbortSignal): Promise<boolean> {
    const archive = await archiveOf(this.#host, "store");
    await (await this.#open()).retry(entry.id, archive, { signal });
    return await listInStudy(this.#host, entry.studyInstanceUid, entry.seriesInstanceUid);
  }

  /** @throws RefineError `configuration` */
  async file({ id, sopInstanceUid }: OutboxEntry): Promise<NamedFile | undefined> {
    const bytes = await (await this.#open()).fileOf(id);
    return bytes && { name: segFileName(sopInstanceUid), bytes };
  }
}

/** Says nothing about the patient. */
export function segFileName(sopInstanceUid: string): string {
  return `samrefine-${sopInstanceUid.slice(-12)}.dcm`;
}
