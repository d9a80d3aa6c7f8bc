import type { MorphologyOperation, StructuringElement } from "../mask/morphology.ts";
import type { MaskChoice } from "../segmenter.ts";

export type CleanUpStep =
  /** Keep one or all connected components (8-neighbours) of at least `minimumArea` pixels. */
  | {
      readonly kind: "component";
      readonly keep: "largest" | "highest-probability" | "largest-box" | "all";
      readonly minimumArea: number;
    }
  | {
      readonly kind: "morphology";
      readonly operation: MorphologyOperation;
      readonly element: StructuringElement;
      readonly radius: number;
    }
  | { readonly kind: "fill-holes" };

export interface RefinementPass {
  /** undefined = no foreground point. */
  readonly foreground?: "centroid" | "snapped-centroid" | "distance-transform-maximum" | "arg-max-probability";
  /** Other classes' foreground seeds as background points. */
  readonly background?: "other-classes";
  readonly box?: { readonly marginPixels: number; readonly marginFraction: number };
  readonly maskInput: "none" | "previous-pass" | "from-mask" | "from-probability";
  /** Multiplies the logits of `from-mask` and `from-probability`. */
  readonly maskScale: number;
}

/**
 * The method as data (JSON): source mask -> clean-up -> prompts -> passes -> blend -> accept. methods.md section 8.
 * An empty `passes` list means that SAM is not used and the cleaned mask is the result.
 */
export interface RefinementPlan {
  readonly schema: "samrefine-plan/1";
  readonly id: string;
  /** What a user should know before choosing it. */
  readonly note: string;
  readonly probabilityThreshold: number;
  readonly cleanUp: readonly CleanUpStep[];
  readonly passes: readonly RefinementPass[];
  readonly maskChoice: MaskChoice;
  /** Weight of SAM's logits against the network's; 1 = SAM alone. */
  readonly samWeight: number;
  /** Keep SAM's mask only where its Dice with the initial mask is at least this; 0 = always. */
  readonly minimumAgreement: number;
  /** What is kept when SAM's mask is refused. */
  readonly fallback: "cleaned" | "raw";
  readonly testTimeAugmentation: "none" | "horizontal-flip" | "flips";
  readonly seed: number;
}
