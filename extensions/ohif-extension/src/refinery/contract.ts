import type {
  DisplayRange,
  IntensityPolicy,
  IntensityTransform,
  LowResLogits,
  MaskChoice,
  Prompt,
  RefinementPlan,
  SegmentNumber,
} from "@samrefine/core";
import type { BackendChoice, BackendReport, InferenceStats } from "@samrefine/inference";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import type { LabelRuns, MaskRuns } from "../labelmap/runs.ts";
import type { EditablePrompt } from "../prompts/editable-prompt.ts";
import type { DecodedFrame } from "../series/modality-image.ts";
import type { BackendPreference } from "./backend-preference.ts";

/** One slice as it crosses to the worker. */
export interface SliceFrame {
  /** Names the frame for the embedding that is kept between clicks; any string that is unique in the page. */
  readonly key: string;
  readonly frame: DecodedFrame;
}

/** A slice, without its frame when that was sent a moment ago, see {@link KEPT_FRAMES}. */
export interface FrameReference {
  readonly key: string;
  readonly frame: DecodedFrame | undefined;
}

/** So many frames the refinery keeps, the ones it was given last: a slice is a neighbour of several others. */
export const KEPT_FRAMES = 12;

export interface ModelReference<M> {
  readonly manifest: M;
  readonly url: string;
}

export interface SegmentSliceRequest {
  readonly modelId: string;
  readonly plan: RefinementPlan;
  /** The slice itself; for 2.5D networks with its neighbours in order, the slice in the middle. */
  readonly slices: readonly FrameReference[];
  /** Absent: resolved from this slice alone, as policies of scope "image", "window" and "fixed" allow. */
  readonly intensity?: IntensityTransform | undefined;
}

/** Pixels that belong to a segment although the exclusive labels show another one there. */
export interface HiddenPixels {
  readonly number: SegmentNumber;
  /** Indices into the row-major image, ascending. */
  readonly pixels: Uint32Array;
}

/** What SAM was asked about one object, in the slice's own pixels, and what of the result belongs to it. */
export interface PromptedObject {
  readonly prompt: EditablePrompt;
  readonly mask: MaskRuns;
}

export interface SegmentResult {
  readonly number: SegmentNumber;
  readonly areaPixels: number;
  readonly outcome: "refined" | "kept-initial" | "absent";
  /** In words, when SAM's mask was not taken. */
  readonly reason: string | undefined;
  readonly estimatedDice: number | undefined;
  /** One per object that SAM was asked about; empty when nothing was prompted. */
  readonly objects: readonly PromptedObject[];
}

export interface SliceResult {
  /** Exclusive labels on the slice's grid, 0 = background; as runs, in which the page keeps them for undoing. */
  readonly labels: LabelRuns;
  readonly hidden: readonly HiddenPixels[];
  readonly segments: readonly SegmentResult[];
}

export interface DecodeRequest {
  readonly slice: SliceFrame;
  /** Window of modality units for SAM; the image's own percentiles when absent. */
  readonly displayRange?: DisplayRange | undefined;
  readonly prompt: Prompt;
  /** The object's present mask (0 | 1 on the slice's grid), so that an edit corrects it instead of starting anew. */
  readonly initial?: Uint8Array | undefined;
  /** Which of SAM's masks; its own choice when absent. */
  readonly maskChoice?: MaskChoice | undefined;
}

export type EncodeRequest = Pick<DecodeRequest, "slice" | "displayRange">;

export interface DecodeResult {
  /** 0 | 1 on the slice's grid. */
  readonly mask: Uint8Array;
  readonly lowResLogits: LowResLogits;
  readonly predictedIou: number;
  /** Which of SAM's mask tokens answered: 0 single, 1..3 whole, part and subpart. */
  readonly token: number;
  readonly embedding: "encoded" | "cache" | "kept";
}

/** Everything heavy, off the main thread. Requests are plain data; results are owned by the caller. */
export interface RefineryCalls {
  open(): BackendReport;
  loadSegmenter(model: ModelReference<SegmentationManifest>): void;
  loadPromptable(model: ModelReference<PromptableManifest>): void;
  /** Starts collecting the values of a series for a policy of scope "volume". */
  beginMeasure(policy: IntensityPolicy): void;
  addToMeasure(frames: readonly DecodedFrame[]): void;
  finishMeasure(): IntensityTransform;
  segmentSlice(request: SegmentSliceRequest): SliceResult;
  decode(request: DecodeRequest): DecodeResult;
  /** Reads a slice before anybody asks, so that the cache has it. */
  preEncode(request: EncodeRequest): void;
  stats(): InferenceStats;
  /** Which back end runs each loaded model, and why. */
  choices(): readonly BackendChoice[];
  /** Moves the loaded models; embeddings that were kept are made anew. */
  chooseBackend(preference: BackendPreference): readonly BackendChoice[];
  clearCache(): void;
}
