import type { SegmentNumber } from "../mask/mask.ts";
import type { MorphologyOperation, StructuringElement } from "../mask/morphology.ts";
import type { BoxRule } from "../prompt/box.ts";
import type { MaskChoice } from "../segmenter.ts";
import type { PlanEvidence } from "./plan-evidence.ts";
import type { QualityMethodId } from "./result.ts";

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
  /** undefined = no foreground point. `random` draws `foregroundCount` pixels of the mask. */
  readonly foreground?:
    | "centroid"
    | "snapped-centroid"
    | "distance-transform-maximum"
    | "arg-max-probability"
    | "random";
  /** Only with `foreground: "random"`. Default 1. */
  readonly foregroundCount?: number;
  /**
   * `other-classes`: the foreground seeds of the other classes, in class order; `arg-min-probability`: the pixel of lowest
   * probability; `random`: `backgroundCount` pixels outside the mask within its box grown by half its sides.
   */
  readonly background?: "other-classes" | "arg-min-probability" | "random";
  /** Only with `background: "random"`. Default 1. */
  readonly backgroundCount?: number;
  readonly box?: BoxRule;
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
  /** One prompt per class (default), or one per connected component of the class, whose answers are united. */
  readonly target?: "class" | "component";
  /** For these pairs SAM is asked about both together, and the inner class's result is cut out afterwards. */
  readonly rings?: readonly RingPair[];
  readonly passes: readonly RefinementPass[];
  /**
   * How a prompt coordinate of the network's grid becomes one of the image: `index` (default) scales pixel indices, as the
   * reference methods do; `pixel-centre` maps centres to centres and box edges to the far sides of their pixels.
   */
  readonly coordinates?: "index" | "pixel-centre";
  readonly maskChoice: MaskChoice;
  /** Weight of SAM's logits against the network's; 1 = SAM alone, 0 = SAM is asked for its opinion only. */
  readonly samWeight: number;
  /** Keep SAM's mask only where its Dice with the initial mask is at least this; 0 = always. */
  readonly minimumAgreement: number;
  /** What is kept when SAM's mask is refused. */
  readonly fallback: "cleaned" | "raw";
  /**
   * `independent` (default): classes may overlap. `arg-max-zero-background`: a pixel belongs to its class of largest
   * logit, if that is above 0. `arg-max-mean-background`: if that is above 1 minus the mean logit (SAM-Match).
   */
  readonly fusion?: "independent" | "arg-max-zero-background" | "arg-max-mean-background";
  /** Default `soft-dice`, the estimate that ranked doubtful masks best. */
  readonly quality?: QualityMethodId;
  readonly testTimeAugmentation: "none" | "horizontal-flip" | "flips";
  readonly seed: number;
  /** Where the plan comes from a trial. It does not change what the plan does. */
  readonly evidence?: PlanEvidence;
}

/** A class that surrounds another, e.g. the myocardium and the cavity of the left ventricle. */
export interface RingPair {
  readonly ring: SegmentNumber;
  readonly inner: SegmentNumber;
}
