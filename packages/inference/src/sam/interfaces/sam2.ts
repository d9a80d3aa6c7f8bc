import type { TensorNames } from "@samrefine/models";
import { float32Output } from "../../engine/model-session.ts";
import type { DecoderInterface } from "../decoder-interface.ts";
import { maskFeeds, pointFeeds } from "./official.ts";

/**
 * SAM 2 and 2.1 with separate encoder and decoder as samexporter and its relatives make them (methods.md 6.3). The graph
 * always pads. Prompts go one by one: the exports declare a free batch axis, but not all of them repeat the image for it.
 */
export function sam2Interface(decoder: TensorNames): DecoderInterface {
  // Some exports resize `masks` to a size that is fed, or to the frame; then the low resolution is asked for.
  const takesSize = decoder.inputs.includes("orig_im_size");
  const masks = decoder.outputs.includes("low_res_masks") ? "low_res_masks" : "masks";
  return {
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: false, batch: false },
    embedding: {
      high_res_feats_0: "high_res_feats_0",
      high_res_feats_1: "high_res_feats_1",
      image_embed: "image_embed",
    },
    encoderInput: "image",
    inputs: ["point_coords", "point_labels", "mask_input", "has_mask_input"],
    optionalInputs: ["orig_im_size"],
    outputs: [masks, "iou_predictions"],
    remembered: [],
    padding: "graph",
    hidesFillers: false,
    tokens: [1, 2, 3],
    largestBatch: () => 1,
    feeds: (batch) => ({
      ...pointFeeds(batch),
      ...maskFeeds(batch),
      ...(takesSize ? { orig_im_size: { data: Int32Array.of(batch.lowRes, batch.lowRes), dims: [2] } } : {}),
    }),
    read(outputs, { prompts, lowRes }, origin) {
      return {
        masks: float32Output(outputs, masks, [prompts.length, 3, lowRes, lowRes], origin),
        ious: float32Output(outputs, "iou_predictions", [prompts.length, 3], origin),
      };
    },
  };
}
