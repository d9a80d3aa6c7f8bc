import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { PromptableManifest } from "@samrefine/models";
import { buildModel, type NodeSpec } from "@samrefine/models/onnx";

const frame = 256;
const lowRes = 64;

const float = (name: string, dims: readonly (number | string)[]) => ({ name, dataType: "float32" as const, dims });
const constant = (name: string, dims: readonly number[], ...values: readonly number[]) => ({
  name,
  dataType: "float32" as const,
  dims,
  data: Float32Array.from(values),
});
const axes = (name: string, ...values: readonly number[]) => ({
  name,
  dataType: "int64" as const,
  dims: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});
const node = (op: string, inputs: string[], output: string, attributes: NodeSpec["attributes"] = {}): NodeSpec => ({
  op,
  inputs,
  outputs: [output],
  attributes,
});

/**
 * Writes a real, tiny promptable model with SAM's interface: whatever it is asked, it answers with what is brighter than
 * mid-grey, or with what is `darker`. Returns the path of its manifest.
 */
export async function writeBrightnessSam(folder: string, seen: "brighter" | "darker" = "brighter"): Promise<string> {
  const encoder = buildModel({
    opset: 18,
    inputs: [float("input", [1, 3, frame, frame])],
    outputs: [float("output", [1, 1, lowRes, lowRes])],
    initializers: [axes("channel", 1)],
    nodes: [
      node("ReduceMean", ["input", "channel"], "grey"),
      node("AveragePool", ["grey"], "output", { kernel_shape: { ints: [4, 4] }, strides: { ints: [4, 4] } }),
    ],
  });
  // The prompts enter times 0, so that the answer has one mask per prompt.
  const decoder = buildModel({
    opset: 18,
    inputs: [
      float("image_embeddings", [1, 1, lowRes, lowRes]),
      float("point_coords", ["prompts", "points", 2]),
      float("point_labels", ["prompts", "points"]),
      float("mask_input", ["prompts", 1, lowRes, lowRes]),
      float("has_mask_input", [1]),
    ],
    outputs: [float("low_res_masks", ["prompts", 4, lowRes, lowRes]), float("iou_predictions", ["prompts", 4])],
    initializers: [
      axes("space", 2, 3),
      constant("gain", [], seen === "brighter" ? 20 : -20),
      constant("nothing", [], 0),
      constant("tokens", [1, 4, 1, 1], 0, 0, 0, 0),
    ],
    nodes: [
      node("ReduceMean", ["point_coords"], "place", { keepdims: { int: 0 } }),
      node("Mul", ["place", "nothing"], "noPlace"),
      node("ReduceMean", ["point_labels"], "label", { keepdims: { int: 0 } }),
      node("Mul", ["label", "nothing"], "noLabel"),
      node("Mul", ["mask_input", "has_mask_input"], "mask"),
      node("Mul", ["mask", "nothing"], "noMask"),
      node("Mul", ["image_embeddings", "gain"], "bright"),
      node("Add", ["bright", "noMask"], "perPrompt"),
      node("Add", ["perPrompt", "noLabel"], "labelled"),
      node("Add", ["labelled", "noPlace"], "placed"),
      node("Add", ["placed", "tokens"], "low_res_masks"),
      // Means nothing, but lies in 0..1 as a claim of SAM does.
      node("ReduceMean", ["low_res_masks", "space"], "mean_logit", { keepdims: { int: 0 } }),
      node("Sigmoid", ["mean_logit"], "iou_predictions"),
    ],
  });
  const files = { "encoder.onnx": encoder, "decoder.onnx": decoder };
  const entry = (role: "encoder" | "decoder", url: keyof typeof files) => ({
    role,
    url,
    sha256: createHash("sha256").update(files[url]).digest("hex"),
    bytes: files[url].length,
  });
  const manifest: PromptableManifest = {
    schema: "samrefine-model/1",
    id: "brightness-sam",
    version: "1.0.0",
    title: `What is ${seen} than mid-grey`,
    task: "promptable-segmentation",
    family: "sam-cut",
    files: [entry("encoder", "encoder.onnx"), entry("decoder", "decoder.onnx")],
    licence: "Apache-2.0",
    source: "test fixture",
    encoder: { input: "input", output: "output" },
    frame,
    lowRes,
    mean: [127.5, 127.5, 127.5],
    standardDeviation: [127.5, 127.5, 127.5],
  };
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  return join(folder, "manifest.json");
}
