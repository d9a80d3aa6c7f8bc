import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import { prepareDefaultSam } from "@samrefine/inference/node";
import { type ModelManifest, parseManifest } from "@samrefine/models";
import { repositoryDirectory } from "../locations.ts";

export const modelSources: string = join(repositoryDirectory, "models");
const defaultSamFolder = "mobile-sam";

/** What the viewer reads first: relative paths of the manifests, in the order in which they are offered. */
export interface ModelIndex {
  readonly schema: "samrefine-index/1";
  readonly manifests: readonly string[];
}

/**
 * Copies the U-Nets of the repository and the default SAM to `target` and writes `index.json`.
 * @throws RefineError `model-manifest` for a manifest that is not valid, `viewer-assembly` for a missing model file
 */
export async function assembleModels(target: string): Promise<ModelIndex> {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const manifests: string[] = [];
  for (const folder of await foldersIn(modelSources)) {
    const source = join(modelSources, folder, "manifest.json");
    const text = await readFile(source, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const manifest = parseManifest(JSON.parse(text), `models/${folder}/manifest.json`);
    await copyModel(manifest, join(modelSources, folder), join(target, folder));
    await writeFile(join(target, folder, "manifest.json"), text);
    manifests.push(`${folder}/manifest.json`);
  }
  await prepareDefaultSam(join(target, defaultSamFolder));
  const index: ModelIndex = {
    schema: "samrefine-index/1",
    manifests: [...manifests, `${defaultSamFolder}/manifest.json`],
  };
  await writeFile(join(target, "index.json"), `${JSON.stringify(index, null, 2)}\n`);
  return index;
}

async function copyModel(manifest: ModelManifest, from: string, to: string): Promise<void> {
  for (const file of manifest.files) {
    const target = join(to, file.url);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(from, file.url), target).catch((cause: unknown) => {
      throw new RefineError("viewer-assembly", `The model ${manifest.id} lacks its file ${file.url}.`, {
        hint: "Check the models folder of the repository out again, or train the model anew.",
        details: { model: manifest.id, file: file.url },
        cause,
      });
    });
  }
}

async function foldersIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
