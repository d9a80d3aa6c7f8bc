import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type PromptableManifest, type SegmentationManifest, sha256Hex } from "@samrefine/models";
import { buildModel } from "@samrefine/models/onnx";
import { constant, float, integers, node } from "./graph-parts.ts";

/** A model written to a folder of a test. */
export interface TinyModel<M> {
  readonly manifest: M;
  readonly manifestPath: string;
}

export interface TinyUnetOptions {
  readonly rows?: number;
  readonly columns?: number;
  readonly activation?: "sigmoid" | "softmax";
  /** Per output channel: logit = weight * input shifted by one pixel to the right + bias. */
  readonly channels?: readonly { readonly weight: number; readonly bias: number }[];
}

/** One convolution that looks at the left neighbour, so that mirroring matters. */
export async function writeTinyUnet(
  folder: string,
  options: TinyUnetOptions = {},
): Promise<TinyModel<SegmentationManifest>> {
  const { rows = 4, columns = 6, activation = "sigmoid", channels = [{ weight: 1, bias: 0 }] } = options;
  const kernels = channels.flatMap(({ weight }) => [weight, 0, 0]);
  const model = buildModel({
    opset: 17,
    inputs: [float("image", ["N", 1, rows, columns])],
    outputs: [float("logits", ["N", channels.length, rows, columns])],
    initializers: [
      constant("w", [channels.length, 1, 1, 3], ...kernels),
      constant("b", [channels.length], ...channels.map(({ bias }) => bias)),
    ],
    nodes: [
      {
        op: "Conv",
        inputs: ["image", "w", "b"],
        outputs: ["logits"],
        attributes: { kernel_shape: { ints: [1, 3] }, pads: { ints: [0, 1, 0, 1] } },
      },
    ],
  });
  const labels = activation === "softmax" ? channels.length - 1 : channels.length;
  const concept = { value: "T-D0050", scheme: "SRT", meaning: "Tissue" };
  const manifest: SegmentationManifest = {
    schema: "samrefine-model/1",
    id: "tiny-unet",
    version: "1",
    title: "Tiny U-Net",
    task: "semantic-segmentation",
    files: [{ role: "model", url: "tiny.onnx", sha256: await sha256Hex(model), bytes: model.length }],
    licence: "Apache-2.0",
    source: "made by this test",
    tensors: { input: "image", output: "logits" },
    input: { rows, columns, channels: 1 },
    intensity: { kind: "fixed", scale: 1, mean: 0, standardDeviation: 1 },
    activation,
    labels: Array.from({ length: labels }, (_, i) => ({
      number: i + 1,
      label: `Class ${i + 1}`,
      colorRgb: [255, 0, 0],
      category: concept,
      type: concept,
    })),
    appliesTo: [],
  };
  return writeModel(folder, manifest, { "tiny.onnx": model });
}

/**
 * A 3D network [N, 1, depth, rows, columns] whose logit is the slice before minus the slice after; the first and the last
 * slice of its depth see nothing beyond.
 */
export async function writeTinyDeepUnet(
  folder: string,
  size: { readonly depth: number; readonly rows: number; readonly columns: number; readonly slices: number },
): Promise<TinyModel<SegmentationManifest>> {
  const { depth, rows, columns, slices } = size;
  const flat = await writeTinyUnet(folder, { rows, columns });
  const model = buildModel({
    opset: 17,
    inputs: [float("image", ["N", 1, depth, rows, columns])],
    outputs: [float("logits", ["N", 1, depth, rows, columns])],
    initializers: [constant("w", [1, 1, 3, 1, 1], 1, 0, -1)],
    nodes: [
      {
        op: "Conv",
        inputs: ["image", "w"],
        outputs: ["logits"],
        attributes: { kernel_shape: { ints: [3, 1, 1] }, pads: { ints: [1, 0, 0, 1, 0, 0] } },
      },
    ],
  });
  const manifest: SegmentationManifest = {
    ...flat.manifest,
    files: [{ role: "model", url: "deep.onnx", sha256: await sha256Hex(model), bytes: model.length }],
    input: { rows, columns, channels: slices, depth },
  };
  return writeModel(folder, manifest, { "deep.onnx": model });
}

/** Loads, but asks for more memory in every run than any machine has. */
export async function writeGreedyUnet(folder: string): Promise<TinyModel<SegmentationManifest>> {
  const modest = await writeTinyUnet(folder);
  const { rows, columns } = modest.manifest.input;
  const model = buildModel({
    opset: 17,
    inputs: [float("image", ["N", 1, rows, columns])],
    outputs: [float("logits", [1, 1, rows, columns])],
    initializers: [integers("copies", 2 ** 45, 1, rows, columns)],
    nodes: [
      node("Expand", ["image", "copies"], "many"),
      node("ReduceMax", ["many"], "logits", { axes: { ints: [0] } }),
    ],
  });
  const manifest: SegmentationManifest = {
    ...modest.manifest,
    id: "greedy-unet",
    files: [{ role: "model", url: "greedy.onnx", sha256: await sha256Hex(model), bytes: model.length }],
  };
  return writeModel(folder, manifest, { "greedy.onnx": model });
}

/**
 * A promptable model with SAM's interface and a frame of 64: the embedding is the downscaled image; the logits are the
 * embedding, plus the token's number, plus the mean prompt coordinate / 64, plus the mask prompt.
 */
export async function writeTinySam(folder: string): Promise<TinyModel<PromptableManifest>> {
  const encoder = buildModel({
    opset: 18,
    inputs: [float("input", [1, 3, 64, 64])],
    outputs: [float("output", [1, 1, 16, 16])],
    initializers: [integers("channel", 1)],
    nodes: [
      node("ReduceMean", ["input", "channel"], "grey"),
      node("AveragePool", ["grey"], "output", { kernel_shape: { ints: [4, 4] }, strides: { ints: [4, 4] } }),
    ],
  });
  const decoder = buildModel({
    opset: 18,
    inputs: [
      float("image_embeddings", [1, 1, 16, 16]),
      float("point_coords", ["prompts", "points", 2]),
      float("point_labels", ["prompts", "points"]),
      float("mask_input", ["prompts", 1, 16, 16]),
      float("has_mask_input", [1]),
    ],
    outputs: [float("low_res_masks", ["prompts", 4, 16, 16]), float("iou_predictions", ["prompts", 4])],
    initializers: [
      integers("tokenAndXy", 1, 2),
      integers("tokenAxis", 1),
      integers("space", 2, 3),
      constant("side", [1], 64),
      constant("nothing", [1], 0),
      constant("tokens", [1, 4, 1, 1], 0, 1, 2, 3),
    ],
    nodes: [
      node("ReduceMean", ["point_coords", "tokenAndXy"], "meanCoordinate"),
      node("Div", ["meanCoordinate", "side"], "place"),
      node("ReduceMean", ["point_labels", "tokenAxis"], "meanLabel"),
      node("Unsqueeze", ["meanLabel", "tokenAxis"], "label3"),
      node("Mul", ["label3", "nothing"], "noLabel"),
      node("Add", ["place", "noLabel"], "place3"),
      node("Unsqueeze", ["place3", "tokenAxis"], "place4"),
      node("Mul", ["mask_input", "has_mask_input"], "mask"),
      node("Add", ["image_embeddings", "place4"], "placed"),
      node("Add", ["placed", "mask"], "masked"),
      node("Add", ["masked", "tokens"], "low_res_masks"),
      node("ReduceMean", ["low_res_masks", "space"], "iou_predictions", { keepdims: { int: 0 } }),
    ],
  });
  const manifest: PromptableManifest = {
    schema: "samrefine-model/1",
    id: "tiny-sam",
    version: "1",
    title: "Tiny SAM",
    task: "promptable-segmentation",
    family: "sam-cut",
    files: [
      { role: "encoder", url: "encoder.onnx", sha256: await sha256Hex(encoder), bytes: encoder.length },
      { role: "decoder", url: "decoder.onnx", sha256: await sha256Hex(decoder), bytes: decoder.length },
    ],
    licence: "Apache-2.0",
    source: "made by this test",
    encoder: { input: "input", output: "output" },
    frame: 64,
    lowRes: 16,
    mean: [127.5, 127.5, 127.5],
    standardDeviation: [127.5, 127.5, 127.5],
  };
  return writeModel(folder, manifest, { "encoder.onnx": encoder, "decoder.onnx": decoder });
}

export async function writeModel<M>(
  folder: string,
  manifest: M,
  files: Record<string, Uint8Array>,
): Promise<TinyModel<M>> {
  await mkdir(folder, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
  const manifestPath = join(folder, "manifest.json");
  await writeFile(manifestPath, JSON.stringify(manifest));
  return { manifest, manifestPath };
}
