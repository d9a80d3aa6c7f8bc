import { float32Output } from "../../engine/model-session.ts";
import type { DecodeBatch, DecoderInterface } from "../decoder-interface.ts";
import { joined, largestBatch } from "./official.ts";
import { inputPoints, readPredictedMasks } from "./transformers-sam.ts";

/**
 * SAM 2 and 2.1 (and EdgeTAM, and the tracker of SAM 3) as transformers.js exports them (methods.md 6.3). All prompt inputs
 * must be fed: without a box `input_boxes` is [1, 0, 4], without points `input_points` is [1, 1, 0, 2]. A box goes alone,
 * since points and boxes of several prompts cannot be matched in one run.
 */
export const transformersSam2Interface: DecoderInterface = {
  capabilities: { box: true, backgroundPoints: true, maskInput: false, singleMaskToken: false, batch: true },
  embedding: {
    "image_embeddings.0": "image_embeddings.0",
    "image_embeddings.1": "image_embeddings.1",
    "image_embeddings.2": "image_embeddings.2",
  },
  encoderInput: "pixel_values",
  inputs: ["input_points", "input_labels", "input_boxes"],
  optionalInputs: [],
  outputs: ["iou_scores", "pred_masks"],
  remembered: [],
  padding: "graph",
  hidesFillers: false,
  tokens: [1, 2, 3],
  largestBatch: (prompt) => (prompt.box ? 1 : largestBatch),
  feeds: feedsOf,
  read: (outputs, { prompts, lowRes }, origin) => ({
    ...readPredictedMasks(outputs, prompts.length, lowRes, origin),
    // Not every export has kept it.
    ...("object_score_logits" in outputs && {
      objectScores: float32Output(outputs, "object_score_logits", [1, prompts.length, 1], origin),
    }),
  }),
};

function feedsOf({ prompts }: DecodeBatch): ReturnType<DecoderInterface["feeds"]> {
  const { coordinates, labels, tokens } = joined(prompts);
  const hasBox = prompts[0]?.prompt.box !== undefined;
  // The two corners are the last tokens, and a batch with a box holds one prompt.
  const points = hasBox ? tokens - 2 : tokens;
  return {
    ...inputPoints(
      {
        coordinates: coordinates.slice(0, prompts.length * points * 2),
        labels: labels.slice(0, prompts.length * points),
        tokens: points,
      },
      prompts.length,
    ),
    input_boxes: { data: coordinates.slice(prompts.length * points * 2), dims: [1, hasBox ? 1 : 0, 4] },
  };
}
