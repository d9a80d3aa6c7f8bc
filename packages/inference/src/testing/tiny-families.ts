import type { PromptableManifest } from "@samrefine/models";
import { sha256Hex } from "@samrefine/models";
import { buildModel } from "@samrefine/models/onnx";
import { constant, float, int64, integers, node } from "./graph-parts.ts";
import { type TinyModel, writeModel } from "./tiny-models.ts";

export const tinyFrame = 64;
export const tinyLowRes = 16;
/** Weights of the three colour channels in the tiny encoders. */
export const tinyChannelWeights = [0.31, -0.17, 0.53] as const;

type NamedFamily = "transformers-sam" | "transformers-sam2" | "sam2" | "efficient-sam";
export type TinyFamily = NamedFamily | "sam-cut" | "sam-cut-interleaved";

interface Outlet {
  readonly name: string;
  /** The output is the embedding times this. */
  readonly gain: number;
}

/** What the encoder of each family gives, and under which names. */
const outlets: Readonly<Record<TinyFamily, { readonly input: string; readonly outputs: readonly Outlet[] }>> = {
  "sam-cut": { input: "images", outputs: [{ name: "embeddings", gain: 1 }] },
  "sam-cut-interleaved": { input: "input_image", outputs: [{ name: "image_embeddings", gain: 1 }] },
  "transformers-sam": {
    input: "pixel_values",
    outputs: [
      { name: "image_embeddings", gain: 1 },
      { name: "image_positional_embeddings", gain: 2 },
    ],
  },
  "transformers-sam2": {
    input: "pixel_values",
    outputs: [
      { name: "image_embeddings.0", gain: 4 },
      { name: "image_embeddings.1", gain: 2 },
      { name: "image_embeddings.2", gain: 1 },
    ],
  },
  sam2: {
    input: "image",
    outputs: [
      { name: "high_res_feats_0", gain: 4 },
      { name: "high_res_feats_1", gain: 2 },
      { name: "image_embed", gain: 1 },
    ],
  },
  "efficient-sam": { input: "batched_images", outputs: [{ name: "image_embeddings", gain: 1 }] },
};

/** The sum of an encoder's gains: what one unit of embedding adds to every logit. */
export function tinyGain(family: TinyFamily): number {
  return outlets[family].outputs.reduce((sum, { gain }) => sum + gain, 0);
}

/** 4 x 4 means of the weighted channels. The interleaved one pads to the frame by itself, as samexporter's do. */
function tinyEncoder(family: TinyFamily): Uint8Array {
  const { input, outputs } = outlets[family];
  const isInterleaved = family === "sam-cut-interleaved";
  const kernel = tinyChannelWeights.flatMap((weight) => new Array<number>(16).fill(weight / 16));
  return buildModel({
    opset: 18,
    inputs: [float(input, isInterleaved ? ["rows", "columns", 3] : [1, 3, tinyFrame, tinyFrame])],
    outputs: outputs.map(({ name }) => float(name, [1, 1, tinyLowRes, tinyLowRes])),
    initializers: [
      constant("kernel", [1, 3, 4, 4], ...kernel),
      ...outputs.map(({ name, gain }) => constant(`${name}/gain`, [], gain)),
      ...(isInterleaved
        ? [integers("side", tinyFrame, tinyFrame, 3), integers("none", 0, 0, 0), integers("first", 0)]
        : []),
    ],
    nodes: [
      ...(isInterleaved
        ? [
            node("Shape", [input], "size"),
            node("Sub", ["side", "size"], "missing"),
            node("Concat", ["none", "missing"], "pads", { axis: { int: 0 } }),
            node("Pad", [input, "pads"], "padded"),
            node("Transpose", ["padded"], "chw", { perm: { ints: [2, 0, 1] } }),
            node("Unsqueeze", ["chw", "first"], "planes"),
          ]
        : [node("Identity", [input], "planes")]),
      node("Conv", ["planes", "kernel"], "embedding", { kernel_shape: { ints: [4, 4] }, strides: { ints: [4, 4] } }),
      ...outputs.map(({ name }) => node("Mul", ["embedding", `${name}/gain`], name)),
    ],
  });
}

/**
 * The logits are the sum of all embeddings, plus the sum over a prompt's points of (x + 2 y) / 64, plus a tenth of the sum of
 * its labels, plus a hundredth of the sum of its boxes' coordinates, plus the token's place, plus the mask prompt; the claims
 * are the logits' means, and an object score what the points, labels and boxes add. Whatever is fed in a wrong order, frame or type shows.
 */
function tinyDecoder(family: TinyFamily): Uint8Array {
  const side = tinyLowRes;
  const isNamed = family !== "sam-cut" && family !== "sam-cut-interleaved";
  const isFlat = !isNamed || family === "sam2";
  const tokens = isNamed ? 3 : 4;
  const names = isNamed ? outlets[family].outputs.map(({ name }) => name) : ["image_embeddings"];
  const [points, labels] = {
    flat: ["point_coords", "point_labels"],
    efficient: ["batched_point_coords", "batched_point_labels"],
    hf: ["input_points", "input_labels"],
  }[isFlat ? "flat" : family === "efficient-sam" ? "efficient" : "hf"] as [string, string];
  const [masks, ious] = isFlat
    ? [family === "sam2" ? "masks" : "low_res_masks", "iou_predictions"]
    : family === "efficient-sam"
      ? ["output_masks", "iou_predictions"]
      : ["pred_masks", "iou_scores"];
  const batch = isFlat ? ["prompts"] : [1, "prompts"];
  const ranks = batch.length;
  const labelSpec = family.startsWith("transformers") ? int64 : float;
  const total = names.slice(1).map((name, i) => node("Add", [i === 0 ? names[0]! : `sum${i - 1}`, name], `sum${i}`));
  const embedding = names.length === 1 ? names[0]! : `sum${names.length - 2}`;
  return buildModel({
    opset: 18,
    inputs: [
      ...names.map((name) => float(name, [1, 1, side, side])),
      float(points, [...batch, "points", 2]),
      labelSpec(labels, [...batch, "points"]),
      ...(isFlat ? [float("mask_input", ["prompts", 1, side, side]), float("has_mask_input", [1])] : []),
      ...(family === "transformers-sam2" ? [float("input_boxes", [1, "boxes", 4])] : []),
      ...(family === "efficient-sam" ? [int64("orig_im_size", [2])] : []),
    ],
    outputs: [
      float(masks!, [...batch, tokens, side, side]),
      float(ious!, [...batch, tokens]),
      ...(family === "transformers-sam2" ? [float("object_score_logits", [...batch, 1])] : []),
    ],
    initializers: [
      constant("xy", [2], 1 / 64, 2 / 64),
      constant("tenth", [], 0.1),
      constant("hundredth", [], 0.01),
      integers("coordinateAxes", ranks, ranks + 1),
      integers("labelAxis", ranks),
      integers("spread", ...[ranks, ranks + 1, ranks + 2]),
      integers("space", ranks + 1, ranks + 2),
      integers("everything", 0, 1, 2),
      integers("sizeAxis", 0),
      constant("tokens", [...batch.map(() => 1), tokens, 1, 1], ...Array.from({ length: tokens }, (_, i) => i)),
    ],
    nodes: [
      ...total,
      node("Mul", [points, "xy"], "weighted"),
      node("ReduceSum", ["weighted", "coordinateAxes"], "place", { keepdims: { int: 0 } }),
      node("Cast", [labels], "codes", { to: { int: 1 } }),
      node("ReduceSum", ["codes", "labelAxis"], "code", { keepdims: { int: 0 } }),
      node("Mul", ["code", "tenth"], "tenthOfCode"),
      node("Add", ["place", "tenthOfCode"], "asked"),
      ...(family === "transformers-sam2"
        ? [
            node("ReduceSum", ["input_boxes", "everything"], "boxes", { keepdims: { int: 0 } }),
            node("Mul", ["boxes", "hundredth"], "hundredthOfBoxes"),
            node("Add", ["asked", "hundredthOfBoxes"], "question"),
          ]
        : family === "efficient-sam"
          ? [
              // The size enters too: a hundredth of columns plus rows.
              node("Cast", ["orig_im_size"], "size", { to: { int: 1 } }),
              node("ReduceSum", ["size", "sizeAxis"], "sizes", { keepdims: { int: 0 } }),
              node("Mul", ["sizes", "hundredth"], "hundredthOfSizes"),
              node("Add", ["asked", "hundredthOfSizes"], "question"),
            ]
          : [node("Identity", ["asked"], "question")]),
      node("Unsqueeze", ["question", "spread"], "perPrompt"),
      node("Add", [embedding, "perPrompt"], "seen"),
      ...(isFlat
        ? [node("Mul", ["mask_input", "has_mask_input"], "mask"), node("Add", ["seen", "mask"], "masked")]
        : [node("Identity", ["seen"], "masked")]),
      node("Add", ["masked", "tokens"], masks!),
      node("ReduceMean", [masks!, "space"], ious!, { keepdims: { int: 0 } }),
      ...(family === "transformers-sam2" ? [node("Unsqueeze", ["question", "labelAxis"], "object_score_logits")] : []),
    ],
  });
}

/** A model with the interface of a family and a frame of 64, whose every logit can be said beforehand. */
export async function writeTinyFamily(
  folder: string,
  family: TinyFamily,
  options: Partial<Pick<PromptableManifest, "fit" | "contrast" | "interpolate" | "prompts" | "batch">> = {},
): Promise<TinyModel<PromptableManifest>> {
  const encoder = tinyEncoder(family);
  const decoder = tinyDecoder(family);
  const common = {
    schema: "samrefine-model/1" as const,
    id: "tiny-family",
    version: "1",
    title: "Tiny promptable model",
    task: "promptable-segmentation" as const,
    files: [
      { role: "encoder" as const, url: "encoder.onnx", sha256: await sha256Hex(encoder), bytes: encoder.length },
      { role: "decoder" as const, url: "decoder.onnx", sha256: await sha256Hex(decoder), bytes: decoder.length },
    ],
    licence: "Apache-2.0",
    source: "made by this test",
    frame: tinyFrame,
    lowRes: tinyLowRes,
    mean: [10, 20, 30] as [number, number, number],
    standardDeviation: [100, 50, 25] as [number, number, number],
    ...options,
  };
  const { input, outputs } = outlets[family];
  const manifest: PromptableManifest =
    family === "sam-cut" || family === "sam-cut-interleaved"
      ? {
          ...common,
          family: "sam-cut",
          encoder: {
            input,
            output: outputs[0]!.name,
            ...(family === "sam-cut-interleaved" ? { layout: "interleaved" as const } : {}),
          },
        }
      : { ...common, family };
  return writeModel(folder, manifest, { "encoder.onnx": encoder, "decoder.onnx": decoder });
}
