import type { ImageGeometry } from "../geometry/geometry.ts";
import type { DisplayRange } from "../image/intensity.ts";
import type { SegmentNumber, SegmentStack } from "../mask/mask.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { ImageEmbedding } from "../segmenter.ts";
import type { TaskOptions } from "../task.ts";

/** How the Dice of a mask is guessed without a reference. All of them are estimates and are called so on screen. */
export type QualityMethodId = "soft-dice" | "predicted-iou-as-dice" | "agreement";

export interface QualityEstimate {
  readonly metric: "dice";
  /** 0..1. */
  readonly value: number;
  readonly method: QualityMethodId;
}

/** Why the network's own mask stayed. */
export type KeepReason =
  | "plan-without-sam"
  /** All pixels of the class are shared with another class, so that no seed exists (methods.md 1.5 step 3). */
  | "no-prompt"
  | "below-agreement"
  | "sam-returned-empty";

/** Never NaN, never a silent skip. */
export type SegmentOutcome =
  | {
      readonly kind: "refined";
      /** The prompts of every pass, in order. */
      readonly prompts: readonly Prompt[];
      readonly predictedIou: number;
      /** Dice between the cleaned initial mask and SAM's own mask before blending, on the output grid: what the gate saw. */
      readonly agreement: number;
      readonly quality: QualityEstimate;
    }
  | {
      readonly kind: "kept-initial";
      readonly reason: KeepReason;
      readonly prompts: readonly Prompt[];
      readonly quality: QualityEstimate;
    }
  | { readonly kind: "absent" };

export interface RefinementResult {
  readonly planId: string;
  /** On the output geometry. Segments may overlap. Absent classes are there with an empty mask. */
  readonly stack: SegmentStack;
  readonly outcomes: ReadonlyMap<SegmentNumber, SegmentOutcome>;
}

export interface RefineOptions extends TaskOptions {
  readonly displayRange: DisplayRange;
  /** Reused and left alive when given; otherwise encoded when the first prompt needs it, and disposed. */
  readonly embedding?: ImageEmbedding | undefined;
  /** Grid of the result. Default: the image's own. */
  readonly outputGeometry?: ImageGeometry | undefined;
  /**
   * Attach the blended probability (4 bytes per pixel and class) to every segment. Default true; false saves memory where
   * only the masks are wanted, as for many classes on a large radiograph.
   */
  readonly probabilities?: boolean | undefined;
}
