import { isRefineError, RefineError } from "@samrefine/core";
import { type ModelFolder, openModelFolder, readWebFile } from "@samrefine/inference";
import type { BroughtFile } from "./brought-model.ts";
import type { CatalogueEntry, FoundModels } from "./model-catalogue.ts";

/**
 * The models that the user of this browser brought, beside those that the site offers. Nothing of them leaves it. Their reader
 * is loaded for those who have or bring one.
 */
export class OwnModels {
  #folder: Promise<ModelFolder | undefined> | undefined;

  async load(): Promise<FoundModels> {
    const folder = await this.#open();
    const entries: CatalogueEntry[] = [];
    const problems: string[] = [];
    for (const url of (await folder?.list()) ?? []) {
      try {
        const { parseManifestText } = await import("./brought-model.ts");
        const text = new TextDecoder().decode(await readWebFile(url, {}));
        entries.push({ manifest: parseManifestText(text, url), url });
      } catch (error) {
        problems.push(isRefineError(error) ? error.message : `The model ${url} could not be read.`);
      }
    }
    return { entries, problems };
  }

  /**
   * Checks and keeps a model.
   * @throws RefineError `model-manifest` `model-integrity` `out-of-memory`, `backend-unavailable` without private storage.
   */
  async add(brought: readonly BroughtFile[], taken: readonly string[]): Promise<CatalogueEntry> {
    const folder = await this.#open();
    if (!folder) {
      throw new RefineError("backend-unavailable", "This browser gives the page no storage to keep a model in.", {
        hint: "Leave the private window, or serve the viewer over HTTPS; or put the model on the server (docs/models.md).",
      });
    }
    const { readBroughtModel } = await import("./brought-model.ts");
    const { manifest, files } = await readBroughtModel(brought, taken);
    return { manifest, url: await folder.write(manifest.id, files) };
  }

  async remove(id: string): Promise<void> {
    await (await this.#open())?.remove(id);
  }

  #open(): Promise<ModelFolder | undefined> {
    this.#folder ??= openModelFolder();
    return this.#folder;
  }
}
