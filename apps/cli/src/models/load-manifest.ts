import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { RefineError } from "@samrefine/core";
import {
  type ModelManifest,
  type PromptableManifest,
  parseManifest,
  type SegmentationManifest,
} from "@samrefine/models";
import { reasonOf } from "../dataset/dataset-error.ts";

/**
 * Reads and checks a manifest file.
 * @throws RefineError `model-manifest`, or `configuration` when there is no file to read.
 */
export async function loadManifest(path: string): Promise<ModelManifest> {
  const file = resolve(path);
  const hint = "Give the path of a manifest.json; `samrefine models list` shows those in models/.";
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new RefineError("configuration", `The model manifest ${file} cannot be read: ${reasonOf(cause)}`, {
      hint,
      cause,
    });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new RefineError("model-manifest", `The model manifest ${file} is not JSON: ${reasonOf(cause)}`, {
      hint,
      cause,
    });
  }
  return parseManifest(value, file);
}

/** @throws RefineError `model-manifest` when the manifest is not of a network that segments without prompts. */
export async function loadSegmentationManifest(path: string): Promise<SegmentationManifest> {
  const manifest = await loadManifest(path);
  if (manifest.task === "semantic-segmentation") return manifest;
  throw wrongTask(path, manifest, "a semantic-segmentation model (a U-Net)");
}

/** @throws RefineError `model-manifest` when the manifest is not of a promptable model. */
export async function loadPromptableManifest(path: string): Promise<PromptableManifest> {
  const manifest = await loadManifest(path);
  if (manifest.task === "promptable-segmentation") return manifest;
  throw wrongTask(path, manifest, "a promptable model (SAM)");
}

function wrongTask(path: string, manifest: ModelManifest, wanted: string): RefineError {
  return new RefineError("model-manifest", `The manifest ${path} is of task "${manifest.task}"; ${wanted} is needed.`, {
    hint: "Give the U-Net to --model and SAM to --sam.",
  });
}
