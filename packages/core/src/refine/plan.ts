import type { SegmentNumber } from "../mask/mask.ts";
import type { MorphologyOperation, StructuringElement } from "../mask/morphology.ts";
import type { BoxRule } from "../prompt/box.ts";
import type { MaskChoice, TestTimeAugmentation } from "../segmenter.ts";
import type { CropRule } from "./crop-rule.ts";
import type { PlanEvidence } from "./plan-evidence.ts";
import type { QualityModel } from "./quality-model.ts";
import type { QualityMethodId } from "./result.ts";
import type { VolumeRule } from "./volume-rule.ts";

export type CleanUpStep =
  /** Keep one or all connected components of at least `minimumArea` pixels. */
  | {
      readonly kind: "component";
      readonly keep: "largest" | "highest-probability" | "largest-box" | "all";
      readonly minimumArea: number;
      /** 8 (default): pixels that share an edge or a corner hang together; 4: an edge. */
      readonly connectivity?: 4 | 8;
    }
  | {
      readonly kind: "morphology";
      readonly operation: MorphologyOperation;
      readonly element: StructuringElement;
      readonly radius: number;
    }
  | { readonly kind: "fill-holes" }
  /**
   * Moves the borders of all classes along the edges of the image (random walker; the intensity-based baseline of SAM
   * Carries the Burden). The masks so far, eroded by disks, are seeds; a pixel belongs to a class whose seeds a walker
   * meets first with a probability above one half. Works on 0..255 grey values on the network's grid.
   */
  | {
      readonly kind: "random-walker";
      /** In grey levels: a border of this height lets exp(-1) of the walkers through. */
      readonly sigma: number;
      /** Radius; 0 erodes nothing. A class that would vanish keeps its whole mask as seeds. */
      readonly foregroundErosion: number;
      /** Radius; as in the reference, 0 and 1 erode nothing. */
      readonly backgroundErosion: number;
    };

/**
 * How probabilities become masks, before clean-up. `threshold`: every class by itself, `probability > probabilityThreshold`,
 * those of a softmax too.
 */
export type BinariseRule = { readonly kind: "threshold" } | ArgMaxRule;

/** A pixel belongs to its most probable class, or to none where the rest to a sum of 1 is more. */
export interface ArgMaxRule {
  readonly kind: "arg-max";
  /**
   * Pixels whose winner is less sure belong to no class. `maximum-probability`: its probability; `min-max-ratio`: its
   * lead over the least probable class as a share of itself, which is what SAM-Match calls confidence (methods 3.6).
   * At least `minimum` (maximum-probability), above it (min-max-ratio).
   */
  readonly gate?: { readonly kind: "maximum-probability" | "min-max-ratio"; readonly minimum: number };
}

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
  /**
   * One click where the answer so far and the mask differ: at first in the middle of the larger fault, from the third
   * click on anywhere (SemiSAM's simulated annotator, methods 2.3). SAM is given the `newest` click or `all` of them. Not
   * together with `foreground` or `background`. An object without a fault left is not asked again.
   */
  readonly errorClicks?: "newest" | "all";
  /** Only with `errorClicks`: this pass is done so many times. Default 1. */
  readonly repeat?: number;
  readonly box?: BoxRule;
  /** `zeros`: logits of 0 everywhere, which is not the same to SAM as no mask. */
  readonly maskInput: "none" | "zeros" | "previous-pass" | "from-mask" | "from-probability";
  /** Multiplies the logits of `from-mask` and `from-probability`. */
  readonly maskScale: number;
}

/**
 * The method as data (JSON): source mask -> clean-up -> prompts -> passes -> blend -> accept. methods.md section 8.
 * An empty `passes` list means that SAM is not used, in no exception either, and the cleaned mask is the result.
 *
 * SAM is not asked about a class that is absent after clean-up under any plan: none of the four systems has a prompt for it, and
 * where one asks SAM nevertheless (SAM-Match, with a box outside of the image) methods.md 3.6 decides for skipping.
 */
export interface RefinementPlan {
  readonly schema: "samrefine-plan/1";
  readonly id: string;
  /** What a user should know before choosing it. */
  readonly note: string;
  readonly probabilityThreshold: number;
  /**
   * Default: as the network means it. Independent classes (sigmoid) by `threshold`; of classes that exclude each other
   * (softmax) the most probable one, on the grid of the result as well, unless `probabilityThreshold` is not 0.5.
   */
  readonly binarise?: BinariseRule;
  readonly cleanUp: readonly CleanUpStep[];
  /** One prompt per class (default), or one per connected component of the class, whose answers are united. */
  readonly target?: "class" | "component";
  /** For these pairs SAM is asked about both together, and the inner class's result is cut out afterwards. */
  readonly rings?: readonly RingPair[];
  /** Default: SAM is shown the whole image, once for all classes. */
  readonly encode?: CropRule;
  readonly passes: readonly RefinementPass[];
  /**
   * How a prompt coordinate of the network's grid becomes one of the image: `index` (default) scales pixel indices, as the
   * reference methods do; `pixel-centre` maps centres to centres and box edges to the far sides of their pixels.
   */
  readonly coordinates?: "index" | "pixel-centre";
  /** `agreement`: the single mask or the best of three, whichever agrees more with the mask that was asked about. */
  readonly maskChoice: MaskChoice | "agreement";
  /** SAM's logits above this are foreground. Default 0. */
  readonly logitThreshold?: number;
  /** Weight of SAM's logits against the network's; 1 = SAM alone, 0 = SAM is asked for its opinion only. */
  readonly samWeight: number;
  /** Keep SAM's mask only where its Dice with the initial mask is at least this; 0 = always. */
  readonly minimumAgreement: number;
  /** What is kept when SAM's mask is refused. */
  readonly fallback: "cleaned" | "raw";
  /**
   * What becomes of a class of which clean-up leaves nothing: it is not there (`empty`, the default), or the network's mask
   * stays as it was (`raw`), for structures that may be as small as a speck.
   */
  readonly absent?: "empty" | "raw";
  /**
   * `independent` (default): classes may overlap. `arg-max-zero-background`: a pixel belongs to its class of largest
   * logit, if that is above 0. `arg-max-mean-background`: if that is above 1 minus the mean logit (SAM-Match).
   * `priority`: to the first class of `priority` that claims it; classes that are not named come last, in their order.
   */
  readonly fusion?: FusionKind;
  /** Only with `fusion: "priority"`. */
  readonly priority?: readonly SegmentNumber[];
  /** Default `soft-dice`, the estimate that ranked doubtful masks best. */
  readonly quality?: QualityMethodId;
  /** What `quality: "calibrated"` computes; fitted on labelled cases. */
  readonly qualityModel?: QualityModel;
  /**
   * Masks of a lower estimate are to be looked at by a person; found on labelled cases, because what an estimate of 0.7 means
   * differs from model to model. Default: left to whoever shows the result.
   */
  readonly flagBelow?: number;
  /** Which masks and pixels may teach. Default: all. */
  readonly accept?: AcceptanceRule;
  /**
   * Classes that are treated otherwise, such as one that SAM does harm to: `[{ "segments": [6], "passes": [] }]`. A number
   * that a segmentation does not have is not looked at.
   */
  readonly exceptions?: readonly PlanException[];
  /** How a volume is gone through by `refineVolume`; `refine` sees one slice and does not look at it. Default: slice by slice. */
  readonly volume?: VolumeRule;
  readonly testTimeAugmentation: TestTimeAugmentation;
  readonly seed: number;
  /** Where the plan comes from a trial. It does not change what the plan does. */
  readonly evidence?: PlanEvidence;
}

/** What may differ from class to class. All else holds for an image or a pixel as a whole. */
export const EXCEPTION_KEYS = [
  "cleanUp",
  "target",
  "passes",
  "maskChoice",
  "logitThreshold",
  "samWeight",
  "minimumAgreement",
  "fallback",
  "absent",
] as const satisfies readonly (keyof RefinementPlan)[];

/**
 * Each key that is given stands in place of the plan's own. Empty `passes`: SAM is not asked about these classes, but their
 * seeds still are background for others. A `cleanUp` cannot hold a random walker, which looks at all classes at once.
 */
export interface PlanException extends Partial<Pick<RefinementPlan, (typeof EXCEPTION_KEYS)[number]>> {
  readonly segments: readonly SegmentNumber[];
}

export type FusionKind = "independent" | "arg-max-zero-background" | "arg-max-mean-background" | "priority";

/** What a mask must show to be a pseudo label. What fails is marked, never removed: see `RefinementResult.ignore`. */
export interface AcceptanceRule {
  /** Of the estimated Dice. */
  readonly minimumQuality?: number;
  /** Dice of SAM's mask with the initial one; not looked at where SAM was not used. */
  readonly minimumAgreement?: number;
  /** Of SAM's mask to the initial one; not looked at where SAM was not used. */
  readonly minimumAreaRatio?: number;
  readonly maximumAreaRatio?: number;
  /** Share of SAM's mask within its prompt box grown by a tenth; not looked at without a box. */
  readonly minimumContainment?: number;
  /** Pixels whose final probability p has max(p, 1 - p) below this, in any class, are not to be learned from. */
  readonly minimumPixelConfidence?: number;
}

/** A class that surrounds another, e.g. the myocardium and the cavity of the left ventricle. */
export interface RingPair {
  readonly ring: SegmentNumber;
  readonly inner: SegmentNumber;
}
