import { float32Output } from "../../engine/model-session.ts";
import type { DecoderAnswer, DecoderInterface, Feed } from "../decoder-interface.ts";
import { joined, largestBatch } from "./official.ts";

/**
 * SAM 1 and SlimSAM as Optimum and transformers.js export them (methods.md 6.2): points only, and only the three
 * multi-mask tokens. The graph pads by itself, and knows no code for the corners of a box.
 */
export const transformersSamInterface: DecoderInterface = {
  capabilities: { box: false, backgroundPoints: true, maskInput: false, singleMaskToken: false, batch: true },
  embedding: {
    image_embeddings: "image_embeddings",
    image_positional_embeddings: "image_positional_embeddings",
  },
  encoderInput: "pixel_values",
  inputs: ["input_points", "input_labels"],
  optionalInputs: [],
  outputs: ["iou_scores", "pred_masks"],
  remembered: [],
  padding: "graph",
  hidesFillers: false,
  tokens: [1, 2, 3],
  largestBatch: () => largestBatch,
  feeds: ({ prompts }) => inputPoints(joined(prompts), prompts.length),
  read: (outputs, { prompts, lowRes }, origin) => readPredictedMasks(outputs, prompts.length, lowRes, origin),
};

/** `input_points` [1, prompts, points, 2] float32 and `input_labels` [1, prompts, points] int64. */
export function inputPoints(
  points: { readonly coordinates: Float32Array; readonly labels: Float32Array; readonly tokens: number },
  prompts: number,
): Readonly<Record<string, Feed>> {
  const { coordinates, labels, tokens } = points;
  return {
    input_points: { data: coordinates, dims: [1, prompts, tokens, 2] },
    input_labels: { data: BigInt64Array.from(labels, (code) => BigInt(code)), dims: [1, prompts, tokens] },
  };
}

/** `pred_masks` [1, prompts, 3, lowRes, lowRes] and `iou_scores` [1, prompts, 3]. */
export function readPredictedMasks(
  outputs: Parameters<DecoderInterface["read"]>[0],
  prompts: number,
  lowRes: number,
  origin: string,
): DecoderAnswer {
  return {
    masks: float32Output(outputs, "pred_masks", [1, prompts, 3, lowRes, lowRes], origin),
    ious: float32Output(outputs, "iou_scores", [1, prompts, 3], origin),
  };
}
