import type { ImageGeometry } from "./geometry/geometry.ts";
import type { Image2D } from "./image/image.ts";
import type { DisplayRange, IntensityTransform } from "./image/intensity.ts";
import type { Mask, SegmentStack } from "./mask/mask.ts";
import type { PixelBox } from "./mask/measure.ts";
import type { LowResLogits, Prompt } from "./prompt/prompt.ts";
import type { LogitPatch } from "./refine/logit-patch.ts";
import type { Releasable, TaskOptions } from "./task.ts";

export const TEST_TIME_AUGMENTATIONS = ["none", "horizontal-flip", "flips", "small-changes"] as const;

/**
 * Which copies of its input a network looks at: the image alone; with its mirror image, left for right; with all four mirror
 * images; or slightly turned, smaller, larger, brighter and darker, which keeps left and right.
 */
export type TestTimeAugmentation = (typeof TEST_TIME_AUGMENTATIONS)[number];

export interface SegmentTaskOptions extends TaskOptions {
  /** Resolved once per image or volume with `resolveIntensity`. */
  readonly intensity: IntensityTransform;
  /** Average over changed copies of the input. Default "none". */
  readonly testTimeAugmentation?: TestTimeAugmentation;
  /**
   * "logits": segments carry the network's logits instead of probabilities, where its classes are independent and nothing is
   * averaged. It saves an exponential and a logarithm per pixel and class of those that only refine. Default "probabilities".
   */
  readonly values?: SegmentValues;
}

export type SegmentValues = "probabilities" | "logits";

/** A network that proposes a segmentation without prompts (the U-Net). */
export interface Segmenter extends Releasable {
  readonly modelId: string;
  /** SHA-256 of the weights, hex. */
  readonly digest: string;
  /** Result on the model's own grid, which covers the extent of the image; every segment carries its probability, its logits, or both. */
  segment(image: Image2D, options: SegmentTaskOptions): Promise<SegmentStack>;
}

export interface EncodeOptions extends TaskOptions {
  /** The window of modality units that becomes 0..255. */
  readonly displayRange: DisplayRange;
}

/** Handle of an embedding that lives where the model runs. The caller owns it and disposes it. */
export interface ImageEmbedding extends Releasable {
  readonly geometry: ImageGeometry;
  /** Where it came from: computed now or taken from the cache. */
  readonly origin: "encoded" | "cache";
}

export interface PromptCapabilities {
  readonly box: boolean;
  readonly backgroundPoints: boolean;
  readonly maskInput: boolean;
  /** The single-mask token ("token 0") can be chosen, see methods.md 6.1. */
  readonly singleMaskToken: boolean;
  readonly batch: boolean;
}

export type MaskChoice = "token0" | "token1" | "token2" | "token3" | "bestOf3" | "auto";

export interface DecodeOptions extends TaskOptions {
  /**
   * "auto": token 0 when the prompt holds a box, a mask or several points, otherwise the best of the three. Default.
   * "token1" to "token3": this one of the three, for a person who steps through them; "auto" where the model lacks it.
   */
  readonly maskChoice?: MaskChoice;
  /** Grid of the returned masks; must cover the extent of the image. Default: the image's own. */
  readonly outputGeometry?: ImageGeometry;
  /**
   * How much of the logits is wanted: all of them ("whole", the default), a part, or none ("omit"). Less is several times
   * faster on a large radiograph. The mask is the same.
   */
  readonly logits?: "whole" | WantedLogits | "omit";
}

/** The part of an answer's logits that the asker looks at. A segmenter may give more. */
export interface WantedLogits {
  /** All that is above this. */
  readonly above: number;
  /** Per prompt all within this box of the output grid, whatever it is. */
  readonly within?: readonly PixelBox[];
}

/** One answer of SAM to one prompt. */
export interface MaskCandidate {
  /** Logits > 0 after bilinear upsampling, on the output geometry. May be made when it is first read. */
  readonly mask: Mask;
  /** Logits on the output geometry, the ones that `mask` thresholds, as far as they were asked for. */
  readonly logits: LogitPatch;
  readonly lowResLogits: LowResLogits;
  /** The model's own claim, uncalibrated; may slightly exceed 1. */
  readonly predictedIou: number;
  /** Whether what was asked for is in the image at all: a logit, positive = yes. Models from SAM 2 on say it. */
  readonly objectScore?: number;
  /** Which of SAM's mask tokens: 0 single, 1..3 multi-mask. */
  readonly token: number;
}

/** A promptable model (SAM). */
export interface PromptableSegmenter extends Releasable {
  readonly modelId: string;
  readonly digest: string;
  readonly capabilities: PromptCapabilities;
  encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding>;
  /** One candidate per prompt, in order; prompts are batched where the model can. */
  decode(
    embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options?: DecodeOptions,
  ): Promise<readonly MaskCandidate[]>;
}
