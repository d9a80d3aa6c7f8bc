import type { ImageGeometry } from "../geometry/geometry.ts";
import type { DisplayRange } from "../image/intensity.ts";
import type { Mask, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { ImageEmbedding } from "../segmenter.ts";
import type { TaskOptions } from "../task.ts";
import type { LogitPatch } from "./logit-patch.ts";
import type { QualityFeatures } from "./quality-model.ts";

/** How the Dice of a mask is guessed without a reference. All of them are estimates and are called so on screen. */
export type QualityMethodId =
  | "soft-dice"
  | "predicted-iou-as-dice"
  | "agreement"
  /** Share of SAM's pixels that survive a stricter threshold, as Dice. */
  | "stability"
  /** Mean Dice of SAM's mask with its answers to slightly moved prompts; asks SAM again, four times per object. */
  | "prompt-jitter"
  /** How alike SAM's answers of the passes are: 1 minus their variance, over the pixels that any of them marked. */
  | "click-variance"
  /** Dice of the network's mask with the one from another view, `RefineOptions.secondOpinion`. */
  | "augmentation-agreement"
  /** A combination of all that was measured, fitted on labelled cases: `RefinementPlan.qualityModel`. */
  | "calibrated";

export interface QualityEstimate {
  readonly metric: "dice";
  /** 0..1. */
  readonly value: number;
  readonly method: QualityMethodId;
}

/** Why the network's own mask stayed. */
export type KeepReason =
  | "plan-without-sam"
  /** Clean-up left nothing of the class, and the plan keeps the network's mask then. */
  | "cleaned-away"
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
      readonly features: QualityFeatures;
      /** Whether the mask passes the plan's acceptance rule. */
      readonly accepted: boolean;
    }
  | {
      readonly kind: "kept-initial";
      readonly reason: KeepReason;
      readonly prompts: readonly Prompt[];
      readonly quality: QualityEstimate;
      readonly features: QualityFeatures;
      readonly accepted: boolean;
    }
  | { readonly kind: "absent" };

export interface RefinementResult {
  readonly planId: string;
  /** On the output geometry. Segments may overlap. Absent classes are there and share an empty mask. */
  readonly stack: SegmentStack;
  /**
   * What the masks were cut from, on the part of the output geometry where they can be positive; positive inside, as long as
   * classes are independent. Absent classes have none. They rank overlapping classes as their probabilities do, without the
   * cost of a sigmoid per pixel and class. Only with `RefineOptions.logits`.
   */
  readonly logits?: ReadonlyMap<SegmentNumber, LogitPatch>;
  readonly outcomes: ReadonlyMap<SegmentNumber, SegmentOutcome>;
  /**
   * Pixels that a pseudo label must not teach, on the output geometry: those of classes that were not accepted, as they
   * were proposed and as they became, and those of which no class is sure enough. Undefined when the plan accepts all.
   */
  readonly ignore?: Mask;
}

export interface RefineOptions extends TaskOptions {
  readonly displayRange: DisplayRange;
  /** Reused and left alive when given; otherwise encoded when the first prompt needs it, and disposed. */
  readonly embedding?: ImageEmbedding | undefined;
  /** Grid of the result. Default: the image's own. */
  readonly outputGeometry?: ImageGeometry | undefined;
  /**
   * Give every segment its blended probability, 0 where it is not above 1/512, half a step of the 8-bit fractions of a DICOM
   * SEG. It is made when it is first read, and takes 4 bytes per pixel and class then. Default true; false saves what has to be
   * kept of the logits for it, and time where the network faintly sees a class all over a large image.
   */
  readonly probabilities?: boolean | undefined;
  /** Hand the classes' final logits out. Default false. They exist anyhow, but live as long as the result then does. */
  readonly logits?: boolean | undefined;
  /**
   * The same classes from another view of the image (its mirror image, another network), on the grid of the initial
   * segmentation. Only measured, for `augmentation-agreement`.
   */
  readonly secondOpinion?: SegmentStack | undefined;
  /**
   * Measure all quality features that need no further question to SAM, not only those that the plan uses. Default false:
   * on a large radiograph with many classes they cost as much as the rest of what happens outside SAM.
   */
  readonly measureAll?: boolean | undefined;
}
