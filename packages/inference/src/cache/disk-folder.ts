import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ByteFolder, StoredFile } from "./byte-folder.ts";

/** A real folder, made when the first file is written. */
export function diskFolder(path: string): ByteFolder {
  return {
    async list() {
      const names = await readdir(path).catch(() => []);
      return Promise.all(
        names.map(async (name): Promise<StoredFile> => {
          const { size, mtimeMs } = await stat(join(path, name));
          return { name, bytes: size, writtenAt: mtimeMs };
        }),
      );
    },
    read: (name) => readFile(join(path, name)).catch(() => undefined),
    async write(name, bytes) {
      await mkdir(path, { recursive: true });
      const temporary = join(path, `.${name}.${randomUUID()}`);
      await writeFile(temporary, bytes);
      await rename(temporary, join(path, name));
    },
    remove: (name) => rm(join(path, name), { force: true }),
  };
}
