import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { type ServedFolder, serveFolder } from "./serve-folder.ts";

/** A built page with its workers; more files may be put into its folder. */
export interface ServedPage extends ServedFolder {
  readonly folder: string;
}

/** Builds a page of this folder, e.g. `training-page`, and serves it; `stop` removes what was built. */
export async function servePage(name: string): Promise<ServedPage> {
  const folder = await mkdtemp(join(tmpdir(), `samrefine-${name}-`));
  await build({
    root: fileURLToPath(new URL(`./${name}`, import.meta.url)),
    configFile: false,
    base: "./",
    logLevel: "error",
    resolve: { conditions: ["@samrefine/source", "module", "browser", "import", "default"] },
    worker: { format: "es" },
    build: { target: "es2023", outDir: folder, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false },
  });
  const served = await serveFolder(folder);
  return {
    ...served,
    folder,
    stop: async () => {
      await served.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
