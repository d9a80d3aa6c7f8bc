import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { GridSize } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";

/** What tells one tiny network of the tests from another; its labels mean tissue. */
interface TestModel extends Pick<SegmentationManifest, "id" | "version" | "title"> {
  /** ONNX file with `image` in 0..1 and `logits`. */
  readonly model: Uint8Array;
  readonly grid: GridSize;
  readonly labels: readonly { readonly label: string; readonly colorRgb: [number, number, number] }[];
}

/** Writes a network and its manifest into a folder. Returns the path of the manifest. */
export async function writeTestModel(folder: string, { model, grid, labels, ...facts }: TestModel): Promise<string> {
  const tissue = { scheme: "SCT", value: "85756007", meaning: "Tissue" };
  const manifest: SegmentationManifest = {
    schema: "samrefine-model/1",
    ...facts,
    task: "semantic-segmentation",
    files: [
      {
        role: "model",
        url: "model.onnx",
        sha256: createHash("sha256").update(model).digest("hex"),
        bytes: model.length,
      },
    ],
    licence: "Apache-2.0",
    source: "test fixture",
    tensors: { input: "image", output: "logits" },
    input: { ...grid, channels: 1 },
    intensity: { kind: "fixed", scale: 255, mean: 0, standardDeviation: 1 },
    activation: "sigmoid",
    labels: labels.map((own, index) => ({ ...own, number: index + 1, category: tissue, type: tissue })),
    appliesTo: [],
  };
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "model.onnx"), model);
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  return join(folder, "manifest.json");
}
