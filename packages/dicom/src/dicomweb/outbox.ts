import { isRefineError, RefineError, type TaskOptions } from "@samrefine/core";
import type { SegVerification } from "../seg/verify.ts";
import type { DicomWebClient, InstanceAddress } from "./client.ts";
import { completionOf, type Database, type DatabaseFactory, resultOf } from "./indexed-db.ts";

const ENTRIES = "entries";
const FILES = "files";

/** A SEG that waits to be stored. Nothing here names a patient; the file itself does, as every DICOM object. */
export interface OutboxEntry extends InstanceAddress {
  /** Random; also the key in the database. */
  readonly id: string;
  /** Root of the DICOMweb service that it was meant for. */
  readonly destination: string;
  readonly byteLength: number;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  /** Attempts to store it since it lies here. */
  readonly attempts: number;
  /** Why the last attempt failed. */
  readonly lastFailure: string | undefined;
}

export interface OutboxOptions {
  /** `globalThis.indexedDB` of a page or a worker. */
  readonly indexedDB: DatabaseFactory;
  /** Name of the database. Default "samrefine-outbox". */
  readonly name?: string;
}

export type StoringClient = Pick<DicomWebClient, "storeInstances" | "retrieveInstance">;

/** A Part 10 file and whose it is, as {@link encodeSeg} returns them with the study's UID. */
export interface OutboxFile extends InstanceAddress {
  readonly bytes: Uint8Array;
}

/** SEGs whose storing failed, kept by the browser over reloads and restarts until an archive has them. */
export interface Outbox {
  /**
   * Keeps a Part 10 file. A file of the same SOP Instance UID for the same destination is replaced.
   * @param file its bytes are copied; the UIDs are taken as they are given.
   */
  add(file: OutboxFile, destination: string, task?: TaskOptions): Promise<OutboxEntry>;
  /** Oldest first. */
  list(task?: TaskOptions): Promise<readonly OutboxEntry[]>;
  /** The file, to download it; undefined when it is no longer here. */
  fileOf(id: string, task?: TaskOptions): Promise<Uint8Array<ArrayBuffer> | undefined>;
  remove(id: string, task?: TaskOptions): Promise<void>;
  /**
   * Stores the very same object again, with its SOP Instance UID, reads it back, compares every pixel, and only then takes
   * it out. Safe to repeat: an archive that has it already counts as stored.
   * @throws RefineError `dicomweb`, or `seg-encoding` when the archive returns something else; the entry stays and notes
   * the reason. `configuration` when there is no such entry.
   */
  retry(id: string, client: StoringClient, task?: TaskOptions): Promise<SegVerification>;
  /** Closes the database; what is in it stays. */
  close(): void;
}

function storageError(cause: unknown): RefineError {
  const { name, message } = cause as { readonly name?: string; readonly message?: string };
  return new RefineError("configuration", `The browser's storage cannot be used: ${message || name || "no reason"}.`, {
    hint: "Download the SEG instead. Private windows and full disks are the usual reasons.",
    cause,
  });
}

async function guarded<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw isRefineError(error) ? error : storageError(error);
  }
}

function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function openDatabase({ indexedDB, name = "samrefine-outbox" }: OutboxOptions): Promise<Database> {
  const request = indexedDB.open(name, 1);
  request.addEventListener("upgradeneeded", () => {
    // Two stores, so that a list does not load the files.
    request.result.createObjectStore(ENTRIES);
    request.result.createObjectStore(FILES);
  });
  const database = await resultOf(request);
  // Another tab with a newer version of the page goes first.
  database.addEventListener("versionchange", () => database.close());
  return database;
}

/**
 * Opens the outbox of this origin.
 * @example
 * const outbox = await openOutbox({ indexedDB });
 * const entry = await outbox.add(seg.bytes, "/dicom-web");
 * for (const { id } of await outbox.list()) await outbox.retry(id, client);
 * @throws RefineError `configuration` when the browser has no storage for it.
 */
export async function openOutbox(options: OutboxOptions, task?: TaskOptions): Promise<Outbox> {
  task?.signal?.throwIfAborted();
  const database = await guarded(() => openDatabase(options));

  const list = async (): Promise<readonly OutboxEntry[]> => {
    const store = database.transaction([ENTRIES], "readonly").objectStore(ENTRIES);
    const entries = (await resultOf(store.getAll())) as OutboxEntry[];
    return entries.sort((a, b) => a.addedAt - b.addedAt);
  };
  const fileOf = async (id: string): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const store = database.transaction([FILES], "readonly").objectStore(FILES);
    return (await resultOf(store.get(id))) as Uint8Array<ArrayBuffer> | undefined;
  };
  const remove = async (id: string): Promise<void> => {
    const transaction = database.transaction([ENTRIES, FILES], "readwrite");
    transaction.objectStore(ENTRIES).delete(id);
    transaction.objectStore(FILES).delete(id);
    await completionOf(transaction);
  };
  const noteFailure = async (entry: OutboxEntry, failure: string): Promise<void> => {
    const transaction = database.transaction([ENTRIES], "readwrite");
    const entries = transaction.objectStore(ENTRIES);
    const current = (await resultOf(entries.get(entry.id))) as OutboxEntry | undefined;
    // Removed meanwhile, in this tab or another one: it does not come back.
    if (current !== undefined) {
      entries.put({ ...current, attempts: current.attempts + 1, lastFailure: failure }, entry.id);
    }
    await completionOf(transaction);
  };

  return {
    async add({ bytes, ...address }, destination, { signal } = {}) {
      signal?.throwIfAborted();
      const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = address;
      const entry: OutboxEntry = {
        id: randomKey(),
        studyInstanceUid,
        seriesInstanceUid,
        sopInstanceUid,
        destination,
        byteLength: bytes.byteLength,
        addedAt: Date.now(),
        attempts: 0,
        lastFailure: undefined,
      };
      return await guarded(async () => {
        const transaction = database.transaction([ENTRIES, FILES], "readwrite");
        const [entries, files] = [transaction.objectStore(ENTRIES), transaction.objectStore(FILES)];
        for (const known of (await resultOf(entries.getAll())) as OutboxEntry[]) {
          if (known.sopInstanceUid !== entry.sopInstanceUid || known.destination !== destination) continue;
          entries.delete(known.id);
          files.delete(known.id);
        }
        entries.put(entry, entry.id);
        // A view of a larger buffer would be cloned with all of that buffer.
        files.put(bytes.slice(), entry.id);
        await completionOf(transaction);
        return entry;
      });
    },

    async list({ signal } = {}) {
      signal?.throwIfAborted();
      return await guarded(list);
    },

    async fileOf(id, { signal } = {}) {
      signal?.throwIfAborted();
      return await guarded(() => fileOf(id));
    },

    async remove(id, { signal } = {}) {
      signal?.throwIfAborted();
      await guarded(() => remove(id));
    },

    async retry(id, client, retryTask = {}) {
      retryTask.signal?.throwIfAborted();
      const [entries, file] = await guarded(async () => [await list(), await fileOf(id)] as const);
      const entry = entries.find((candidate) => candidate.id === id);
      if (entry === undefined || file === undefined) {
        throw new RefineError("configuration", "This segmentation is no longer in the outbox.", {
          hint: "It was stored or removed meanwhile, perhaps in another tab.",
        });
      }
      // Reading SEGs is far more code than the rest, and most outboxes stay empty. Loaded before anything is sent.
      const { requireSameSegmentation } = await import("../seg/same-segmentation.ts");
      let verification: SegVerification;
      try {
        await client.storeInstances([file], retryTask);
        verification = requireSameSegmentation(file, await client.retrieveInstance(entry, retryTask));
      } catch (error) {
        // A cancelled attempt says nothing about the archive.
        if (isRefineError(error)) await guarded(() => noteFailure(entry, error.message));
        throw error;
      }
      await guarded(() => remove(id));
      return verification;
    },

    close: () => database.close(),
  };
}
