import type { ByteFolder, StoredFile } from "./byte-folder.ts";

const folderName = "samrefine-embeddings";

/**
 * The origin's private file system, which other sites and the file manager do not see. undefined where the browser has
 * none (insecure pages, some private windows).
 */
export async function openPrivateFolder(storage: StorageManager | undefined): Promise<ByteFolder | undefined> {
  try {
    const root = await storage?.getDirectory();
    const directory = await root?.getDirectoryHandle(folderName, { create: true });
    return directory && new PrivateFolder(directory);
  } catch {
    return undefined;
  }
}

class PrivateFolder implements ByteFolder {
  readonly #directory: FileSystemDirectoryHandle;

  constructor(directory: FileSystemDirectoryHandle) {
    this.#directory = directory;
  }

  async list(): Promise<readonly StoredFile[]> {
    const files: StoredFile[] = [];
    for await (const handle of this.#directory.values()) {
      if (handle.kind !== "file") continue;
      const { name, size, lastModified } = await (handle as FileSystemFileHandle).getFile();
      files.push({ name, bytes: size, writtenAt: lastModified });
    }
    return files;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    const file = await (await this.#directory.getFileHandle(name)).getFile();
    return new Uint8Array(await file.arrayBuffer());
  }

  async write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    // Written beside and swapped in by close(), so that a page that is closed meanwhile leaves no half a file.
    const stream = await (await this.#directory.getFileHandle(name, { create: true })).createWritable();
    await stream.write(bytes);
    await stream.close();
  }

  async remove(name: string): Promise<void> {
    await this.#directory.removeEntry(name).catch((error: unknown) => {
      if (!(error instanceof DOMException && error.name === "NotFoundError")) throw error;
    });
  }
}
