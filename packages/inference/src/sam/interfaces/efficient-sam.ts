import { float32Output } from "../../engine/model-session.ts";
import type { DecoderInterface } from "../decoder-interface.ts";
import { joined, largestBatch } from "./official.ts";

/**
 * EfficientSAM with separate encoder and decoder (methods.md 6.4). The decoder takes prompts in the pixels of
 * `orig_im_size` and answers at that size, so that low-resolution masks are asked for by giving it their size. Label 0 has
 * no embedding there: background points would do nothing.
 */
export const efficientSamInterface: DecoderInterface = {
  capabilities: { box: true, backgroundPoints: false, maskInput: false, singleMaskToken: false, batch: true },
  embedding: { image_embeddings: "image_embeddings" },
  encoderInput: "batched_images",
  inputs: ["batched_point_coords", "batched_point_labels", "orig_im_size"],
  optionalInputs: [],
  outputs: ["output_masks", "iou_predictions"],
  remembered: [],
  padding: "graph",
  hidesFillers: false,
  tokens: [1, 2, 3],
  mostTokens: 6,
  largestBatch: () => largestBatch,
  feeds({ prompts, frame, lowRes }) {
    const { coordinates, labels, tokens } = joined(prompts);
    const scaled = coordinates.map((value) => (value * lowRes) / frame.side);
    return {
      batched_point_coords: { data: scaled, dims: [1, prompts.length, tokens, 2] },
      batched_point_labels: { data: labels, dims: [1, prompts.length, tokens] },
      orig_im_size: { data: BigInt64Array.of(BigInt(lowRes), BigInt(lowRes)), dims: [2] },
    };
  },
  read(outputs, { prompts, lowRes }, origin) {
    return {
      masks: float32Output(outputs, "output_masks", [1, prompts.length, 3, lowRes, lowRes], origin),
      ious: float32Output(outputs, "iou_predictions", [1, prompts.length, 3], origin),
    };
  },
};
