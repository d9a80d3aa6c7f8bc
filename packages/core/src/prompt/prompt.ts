import type { ImageGeometry } from "../geometry/geometry.ts";
import type { SegmentNumber } from "../mask/mask.ts";

export interface PointPrompt {
  readonly x: number;
  readonly y: number;
  readonly label: "foreground" | "background";
}

/** Inclusive pixel centres. */
export interface BoxPrompt {
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
}

/**
 * SAM's low-resolution mask logits (methods.md 6.1): 256 x 256 over the letterboxed 1024 frame, any real values.
 * They belong to the image that they were computed on.
 */
export interface LowResLogits {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/**
 * What SAM is asked about one segment. Coordinates are pixel indices in the frame named by `geometry`, which covers the
 * same extent as the image and may have another grid; the segmenter maps them by index scaling (x * width / columns).
 */
export interface Prompt {
  readonly segment: SegmentNumber;
  readonly geometry: ImageGeometry;
  readonly points?: readonly PointPrompt[];
  readonly box?: BoxPrompt;
  /** A mask prompt as logits: SAM's own from a previous pass, or any map over the extent of `geometry`. */
  readonly maskInput?: LowResLogits | DenseLogits;
}

/** Logits over the whole image extent on a grid of their own; the segmenter resamples and letterboxes them. */
export interface DenseLogits {
  readonly geometry: ImageGeometry;
  readonly data: Float32Array;
}

export type PromptKind = "foreground-points" | "background-points" | "box" | "mask-input";
