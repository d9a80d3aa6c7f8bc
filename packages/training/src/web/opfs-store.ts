import { RefineError } from "@samrefine/core";
import type { RunStore } from "../run/checkpoint.ts";

/** A run's files, which can be thrown away as a whole. */
export interface RemovableRunStore extends RunStore {
  remove(): Promise<void>;
}

const FOLDER = "samrefine-training";

/** The files of a run in the origin's private file system: they stay on this machine and outlive the page. */
export async function openOpfsStore(runId: string): Promise<RemovableRunStore> {
  const root = await navigator.storage.getDirectory();
  const runs = await root.getDirectoryHandle(FOLDER, { create: true });
  const folder = () => runs.getDirectoryHandle(runId, { create: true });
  return {
    async write(name, bytes) {
      try {
        const file = await (await folder()).getFileHandle(name, { create: true });
        // The stream writes beside the file and takes its place when it is closed.
        const stream = await file.createWritable();
        await stream.write(bytes.slice());
        await stream.close();
      } catch (cause) {
        throw new RefineError("training", `The checkpoint cannot be stored: ${(cause as Error).message}`, {
          hint: "The previous checkpoint is still there. Make room for this site's data, then go on.",
          cause,
        });
      }
    },
    async read(name) {
      try {
        const handle = await (await folder()).getFileHandle(name);
        const file = await handle.getFile();
        // Made but never written: the page went away before the first checkpoint was whole.
        return file.size === 0 ? undefined : new Uint8Array(await file.arrayBuffer());
      } catch (cause) {
        if ((cause as DOMException).name === "NotFoundError") return undefined;
        throw cause;
      }
    },
    async remove() {
      await folder();
      await runs.removeEntry(runId, { recursive: true });
    },
  };
}
