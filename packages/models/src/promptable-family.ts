import type { PromptableFamily, PromptableManifest } from "./manifest.ts";

/** Names of a graph's inputs and outputs. */
export interface TensorNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * The family of a decoder by its tensor names (methods.md 6.7); undefined when they are of none that is known. Names say
 * how to ask, not which pixels the encoder wants: MedSAM's graphs cannot be told from SAM's.
 */
export function recogniseDecoder({ inputs }: Pick<TensorNames, "inputs">): PromptableFamily | undefined {
  const takes = (...names: readonly string[]) => names.every((name) => inputs.includes(name));
  if (takes("batched_point_coords", "image_embeddings")) return "efficient-sam";
  if (takes("input_points", "image_positional_embeddings")) return "transformers-sam";
  if (takes("input_points", "image_embeddings.0")) return "transformers-sam2";
  if (takes("point_coords", "high_res_feats_0")) return "sam2";
  if (takes("point_coords", "image_embeddings", "orig_im_size")) return "sam-official";
  if (takes("point_coords", "image_embeddings")) return "sam-cut";
  return undefined;
}

/** SAM 2 and EfficientSAM stretch the image over the frame, all others keep its aspect (methods.md 6.4). */
export function frameFit({ fit, family }: Pick<PromptableManifest, "fit" | "family">): "letterbox" | "stretch" {
  if (fit) return fit;
  return family === "sam2" || family === "transformers-sam2" || family === "efficient-sam" ? "stretch" : "letterbox";
}
