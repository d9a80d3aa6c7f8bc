import { RefineError } from "@samrefine/core";
import { fetchError, fetchFile, type ReadFile } from "./engine/model-files.ts";

const folderName = "samrefine-models";
const scheme = "opfs://";

/** Models that a user brought, in the origin's private file system: a folder per model, found by addresses of their own. */
export interface ModelFolder {
  /** Addresses of all manifests, e.g. `opfs://samrefine-models/my-unet/manifest.json`. */
  list(): Promise<readonly string[]>;
  /**
   * Writes a model whole, in place of one of the same name; the manifest comes last, so that a page that is closed
   * meanwhile leaves no half a model.
   *
   * @param files by name; `manifest.json` among them
   * @returns the manifest's address
   * @throws RefineError `out-of-memory` when the browser's storage is full.
   */
  write(id: string, files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>): Promise<string>;
  remove(id: string): Promise<void>;
}

/** undefined where the browser has no private file system (insecure pages, some private windows). */
export async function openModelFolder(
  storage: StorageManager | undefined = globalThis.navigator?.storage,
): Promise<ModelFolder | undefined> {
  try {
    const root = await storage?.getDirectory();
    const directory = await root?.getDirectoryHandle(folderName, { create: true });
    return directory && modelFolderIn(directory);
  } catch {
    return undefined;
  }
}

function modelFolderIn(directory: FileSystemDirectoryHandle): ModelFolder {
  const addressOf = (id: string) => `${scheme}${folderName}/${id}/manifest.json`;
  const remove = async (id: string) => {
    await directory.removeEntry(id, { recursive: true }).catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === "NotFoundError")) throw error;
    });
  };
  return {
    async list() {
      const found: string[] = [];
      for await (const handle of directory.values()) {
        if (handle.kind !== "directory") continue;
        const inside = handle as FileSystemDirectoryHandle;
        const isWhole = await inside.getFileHandle("manifest.json").then(
          () => true,
          () => false,
        );
        if (isWhole) found.push(addressOf(handle.name));
      }
      return found.sort();
    },
    async write(id, files) {
      await remove(id);
      try {
        const model = await directory.getDirectoryHandle(id, { create: true });
        const inOrder = [...files].sort(([a], [b]) => Number(a === "manifest.json") - Number(b === "manifest.json"));
        for (const [name, bytes] of inOrder) {
          const stream = await (await model.getFileHandle(name, { create: true })).createWritable();
          await stream.write(bytes);
          await stream.close();
        }
      } catch (cause) {
        await remove(id);
        throw new RefineError("out-of-memory", `The model ${id} could not be kept: ${messageOf(cause)}`, {
          hint: "Remove models that are not needed, or clear the image cache under Diagnostics.",
          details: { id },
          cause,
        });
      }
      return addressOf(id);
    },
    remove,
  };
}

/**
 * {@link ReadFile} of a browser: the private file system for addresses of {@link ModelFolder}, `fetch` for all others.
 * @throws RefineError `model-fetch`.
 */
export const readWebFile: ReadFile = async (url, options) => {
  if (!url.startsWith(scheme)) return fetchFile(url, options);
  options.signal?.throwIfAborted();
  const parts = url.slice(scheme.length).split("/").map(decodeURIComponent);
  const name = parts.pop() ?? "";
  try {
    let directory = await globalThis.navigator.storage.getDirectory();
    for (const part of parts) directory = await directory.getDirectoryHandle(part);
    const file = await (await directory.getFileHandle(name)).getFile();
    const bytes = new Uint8Array(await file.arrayBuffer());
    options.onBytes?.(bytes.length);
    return bytes;
  } catch (cause) {
    throw fetchError(url, 404, "it is not in this browser any more", cause);
  }
};

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
