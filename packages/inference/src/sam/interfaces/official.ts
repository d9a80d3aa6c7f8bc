import type { TensorNames } from "@samrefine/models";
import { float32Output } from "../../engine/model-session.ts";
import type { DecodeBatch, DecoderInterface, Feed } from "../decoder-interface.ts";
import { fillMaskInput } from "../mask-input.ts";
import type { RememberedTensor } from "../remembered-tensors.ts";

/** Bounds memory (a prompt's logits are 1 MiB, its attention several) and the time until a cancellation takes effect. */
export const largestBatch = 8;

/** The image's side of the first layer, where no mask is added to the image. */
export const imageSide: readonly RememberedTensor[] = [
  { input: "image_places", output: "made_image_places", axes: 3 },
  { input: "image_keys", output: "made_image_keys", axes: 4 },
  { input: "image_queries", output: "made_image_queries", axes: 4 },
  { input: "image_values", output: "made_image_values", axes: 4 },
];

/**
 * The official decoder, cut to its four tokens by `cutSamDecoder` (methods.md 6.1). What `absorbProjections` makes of it also
 * takes `token_mask` [prompts, tokens], 0 for tokens that are not there, and what it made of the image in its first run.
 */
export function officialInterface(
  encoder: { readonly input: string; readonly output: string },
  decoder: TensorNames,
): DecoderInterface {
  const hidesFillers = decoder.inputs.includes("token_mask");
  const remembered = imageSide.filter(({ input }) => decoder.inputs.includes(input));
  return {
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    embedding: { [encoder.output]: "image_embeddings" },
    encoderInput: encoder.input,
    inputs: ["point_coords", "point_labels", "mask_input", "has_mask_input"],
    optionalInputs: ["token_mask", ...remembered.map(({ input }) => input)],
    outputs: ["low_res_masks", "iou_predictions"],
    remembered,
    padding: "caller",
    hidesFillers,
    tokens: [0, 1, 2, 3],
    largestBatch: () => largestBatch,
    feeds: (batch) => ({
      ...pointFeeds(batch),
      ...maskFeeds(batch),
      ...(hidesFillers ? { token_mask: tokenMask(batch) } : {}),
    }),
    read(outputs, { prompts, lowRes }, origin) {
      return {
        masks: float32Output(outputs, "low_res_masks", [prompts.length, 4, lowRes, lowRes], origin),
        ious: float32Output(outputs, "iou_predictions", [prompts.length, 4], origin),
      };
    },
  };
}

/** `point_coords` [prompts, tokens, 2] in frame pixels and `point_labels` [prompts, tokens], both float32. */
export function pointFeeds({ prompts }: Pick<DecodeBatch, "prompts">): Readonly<Record<string, Feed>> {
  const { coordinates, labels, tokens } = joined(prompts);
  return {
    point_coords: { data: coordinates, dims: [prompts.length, tokens, 2] },
    point_labels: { data: labels, dims: [prompts.length, tokens] },
  };
}

/** [prompts, tokens] float32: 1 for tokens that count. */
function tokenMask({ prompts }: Pick<DecodeBatch, "prompts">): Feed {
  const tokens = prompts[0]?.labels.length ?? 0;
  const data = new Float32Array(prompts.length * tokens);
  for (const [row, { counted }] of prompts.entries()) data.fill(1, row * tokens, row * tokens + counted);
  return { data, dims: [prompts.length, tokens] };
}

/** `mask_input` [prompts, 1, lowRes, lowRes] and `has_mask_input` [1]. */
export function maskFeeds({ prompts, frame, lowRes }: DecodeBatch): Readonly<Record<string, Feed>> {
  const size = lowRes * lowRes;
  const data = new Float32Array(prompts.length * size);
  for (const [row, { prompt }] of prompts.entries()) {
    if (prompt.maskInput) fillMaskInput(data.subarray(row * size, (row + 1) * size), prompt.maskInput, frame, lowRes);
  }
  return {
    mask_input: { data, dims: [prompts.length, 1, lowRes, lowRes] },
    has_mask_input: { data: Float32Array.of(prompts[0]?.prompt.maskInput ? 1 : 0), dims: [1] },
  };
}

/** Coordinates and labels of all prompts, one after the other. */
export function joined(prompts: DecodeBatch["prompts"]): {
  readonly coordinates: Float32Array;
  readonly labels: Float32Array;
  readonly tokens: number;
} {
  const tokens = prompts[0]?.labels.length ?? 0;
  const coordinates = new Float32Array(prompts.length * tokens * 2);
  const labels = new Float32Array(prompts.length * tokens);
  for (const [row, prompt] of prompts.entries()) {
    coordinates.set(prompt.coordinates, row * tokens * 2);
    labels.set(prompt.labels, row * tokens);
  }
  return { coordinates, labels, tokens };
}
