import {
  type BoxPrompt,
  type DisplayRange,
  type ImageEmbedding,
  type IntensityPolicy,
  type IntensityTransform,
  isRefineError,
  type KeepReason,
  type Mask,
  type PixelArray,
  type Prompt,
  type PromptableSegmenter,
  percentileRange,
  RefineError,
  type RefinementResult,
  refine,
  resolveIntensity,
  type Segmenter,
  type SegmentNumber,
  type SegmentOutcome,
  type SegmentStack,
  secondView,
  segmentFromPrompts,
  type TaskOptions,
  type TestTimeAugmentation,
} from "@samrefine/core";
import {
  type BackendChoice,
  type BackendReport,
  type InferenceStats,
  type LadderEngine,
  networkImage,
} from "@samrefine/inference";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import { encodeLabels, encodeMask } from "../labelmap/runs.ts";
import { editablePrompt } from "../prompts/editable-prompt.ts";
import { type DecodedFrame, modalityImage } from "../series/modality-image.ts";
import { applyBackendPreference, type BackendPreference } from "./backend-preference.ts";
import type {
  DecodeRequest,
  DecodeResult,
  EncodeRequest,
  ModelReference,
  PromptedObject,
  RefineryCalls,
  SegmentResult,
  SegmentSliceRequest,
  SliceFrame,
  SliceResult,
} from "./contract.ts";
import { RecentFrames } from "./recent-frames.ts";
import { SamInTurns } from "./sam-in-turns.ts";
import { SampledSlices } from "./sampled-slices.ts";
import { shownLabels } from "./shown-labels.ts";

/** {@link RefineryCalls} as they run: asynchronous, each with its own signal and progress. */
export type Refinery = {
  readonly [Name in keyof RefineryCalls]: (
    argument: Parameters<RefineryCalls[Name]>[0],
    options: TaskOptions,
  ) => Promise<ReturnType<RefineryCalls[Name]>>;
};

/** What SAM sees when no window is given: the image's own range without its outliers. */
const DISPLAY_PERCENTILES = [0.5, 99.5] as const;

interface LoadedPromptable {
  readonly segmenter: PromptableSegmenter;
  /** The same one, for slices that are refined at once. */
  readonly inTurns: SamInTurns;
  readonly manifest: PromptableManifest;
}

interface KeptEmbedding {
  readonly key: string;
  readonly embedding: ImageEmbedding;
}

/**
 * The heavy half of the extension, free of host and worker: pixels in modality units, the U-Net, the refinement plan, label
 * fusion, and answers to clicks. Between clicks one embedding is kept alive.
 *
 * @param openEngine Called once, at the first need.
 */
export function createRefinery(openEngine: () => Promise<LadderEngine>): Refinery {
  let opening: Promise<LadderEngine> | undefined;
  const segmenters = new Map<string, { readonly segmenter: Segmenter; readonly manifest: SegmentationManifest }>();
  let promptable: LoadedPromptable | undefined;
  let kept: KeptEmbedding | undefined;
  const recent = new RecentFrames();
  const sampled = new SampledSlices();
  let measure: { readonly policy: IntensityPolicy; readonly values: PixelArray[] } | undefined;

  const engine = (): Promise<LadderEngine> => {
    opening ??= openEngine().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };

  const requirePromptable = () => {
    if (!promptable) throw new RefineError("configuration", "No promptable model is loaded.");
    return promptable;
  };

  const encode = (
    slice: SliceFrame,
    range: DisplayRange | undefined,
    options: TaskOptions,
  ): Promise<ImageEmbedding> => {
    const image = modalityImage(slice.frame);
    const displayRange = range ?? percentileRange([image.data], ...DISPLAY_PERCENTILES);
    return requirePromptable().segmenter.encode(image, { ...options, displayRange });
  };

  const forgetKept = async (): Promise<void> => {
    const { embedding } = kept ?? {};
    kept = undefined;
    await embedding?.dispose();
  };

  /**
   * Once more when the engine's worker was lost or ran out of memory: the engine makes another and loads its models again by
   * itself; only embeddings are gone.
   */
  const withSuccessor = async <T>(run: () => Promise<T>, { signal }: TaskOptions): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      signal?.throwIfAborted();
      if (!isRefineError(error, "worker-crashed") && !isRefineError(error, "out-of-memory")) throw error;
      await forgetKept();
      return run();
    }
  };

  const embeddingFor = async (
    slice: SliceFrame,
    range: DisplayRange | undefined,
    options: TaskOptions,
  ): Promise<{ readonly embedding: ImageEmbedding; readonly origin: DecodeResult["embedding"] }> => {
    if (kept?.key === slice.key) return { embedding: kept.embedding, origin: "kept" };
    const embedding = await encode(slice, range, options);
    const previous = kept;
    kept = { key: slice.key, embedding };
    await previous?.embedding.dispose();
    return { embedding, origin: embedding.origin };
  };

  return {
    async open(): Promise<BackendReport> {
      return (await engine()).backend;
    },

    async loadSegmenter(model: ModelReference<SegmentationManifest>, options: TaskOptions): Promise<void> {
      if (segmenters.has(model.manifest.id)) return;
      const segmenter = await (await engine()).loadSegmenter(model.manifest, model.url, options);
      segmenters.set(model.manifest.id, { segmenter, manifest: model.manifest });
    },

    async loadPromptable(model: ModelReference<PromptableManifest>, options: TaskOptions): Promise<void> {
      if (promptable?.manifest.id === model.manifest.id) return;
      const segmenter = await (await engine()).loadPromptable(model.manifest, model.url, options);
      await forgetKept();
      await promptable?.segmenter.dispose();
      promptable = { segmenter, inTurns: new SamInTurns(segmenter), manifest: model.manifest };
    },

    async beginMeasure(policy: IntensityPolicy): Promise<void> {
      measure = { policy, values: [] };
    },

    async addToMeasure(frames: readonly DecodedFrame[]): Promise<void> {
      measure?.values.push(...frames.map((frame) => modalityImage(frame).data));
    },

    async finishMeasure(): Promise<IntensityTransform> {
      if (!measure) throw new RefineError("configuration", "No series is being measured.");
      const { policy, values } = measure;
      measure = undefined;
      return resolveIntensity(policy, values);
    },

    async segmentSlice(request: SegmentSliceRequest, options: TaskOptions): Promise<SliceResult> {
      const entry = segmenters.get(request.modelId);
      if (!entry) throw new RefineError("configuration", `The model ${request.modelId} is not loaded.`);
      const { segmenter, manifest } = entry;
      const slices = request.slices.map((reference) => {
        const { frame } = reference;
        const image = request.slices.length > 1 ? recent.take(reference) : frame && modalityImage(frame);
        if (!image) throw new RefineError("inference", "A slice was not sent along.");
        return image;
      });
      const image = slices[slices.length >> 1]!;
      const intensity = request.intensity ?? resolveIntensity(manifest.intensity, [image.data]);
      const input = networkImage(slices, manifest, intensity, sampled.sample);
      const propose = (testTimeAugmentation: TestTimeAugmentation): Promise<SegmentStack> =>
        segmenter.segment(input.image, {
          signal: options.signal,
          intensity: input.intensity,
          testTimeAugmentation,
          values: "logits",
        });
      const run = async (): Promise<RefinementResult> => {
        const initial = await propose(request.plan.testTimeAugmentation);
        const view = secondView(request.plan);
        const secondOpinion = view && (await propose(view));
        options.signal?.throwIfAborted();
        const sam = request.plan.passes.length > 0 ? requirePromptable().inTurns : undefined;
        return refine(image, initial, request.plan, sam, {
          signal: options.signal,
          displayRange: displayRangeOf(manifest, intensity),
          outputGeometry: image.geometry,
          secondOpinion,
          // The logits decide between overlapping classes as well, and cost nothing.
          probabilities: false,
          logits: true,
        });
      };
      const result = await withSuccessor(run, options);
      return sliceResult(result, request.plan.passes.length);
    },

    async decode(request: DecodeRequest, options: TaskOptions): Promise<DecodeResult> {
      const { frame } = request.slice;
      const { geometry } = frame;
      const { candidate, origin } = await withSuccessor(async () => {
        const { embedding, origin } = await embeddingFor(request.slice, request.displayRange, options);
        options.signal?.throwIfAborted();
        const candidate = await segmentFromPrompts(
          { geometry, channels: 1, data: frame.data },
          request.prompt,
          requirePromptable().segmenter,
          {
            signal: options.signal,
            embedding,
            maskChoice: request.maskChoice,
            displayRange: request.displayRange ?? { lower: 0, upper: 1 },
            initial: request.initial && {
              number: request.prompt.segment,
              mask: { geometry, data: request.initial },
            },
          },
        );
        return { candidate, origin };
      }, options);
      if (!candidate) throw new RefineError("inference", "There was nothing to ask SAM: no point and no box.");
      return {
        mask: candidate.mask.data,
        lowResLogits: candidate.lowResLogits,
        predictedIou: candidate.predictedIou,
        token: candidate.token,
        embedding: origin,
      };
    },

    async preEncode({ slice, displayRange }: EncodeRequest, options: TaskOptions): Promise<void> {
      if (kept?.key === slice.key) return;
      await (await encode(slice, displayRange, options)).dispose();
    },

    async stats(): Promise<InferenceStats> {
      return (await engine()).stats();
    },

    async choices(): Promise<readonly BackendChoice[]> {
      return (await engine()).choices();
    },

    async chooseBackend(preference: BackendPreference): Promise<readonly BackendChoice[]> {
      const ladder = await engine();
      await forgetKept();
      await applyBackendPreference(ladder, preference);
      return ladder.choices();
    },

    async clearCache(): Promise<void> {
      recent.clear();
      await forgetKept();
      await (await engine()).clearCache();
    },
  };
}

/** The window of the network is SAM's too: what the network was taught to see is what the prompts are about. */
export function displayRangeOf(manifest: SegmentationManifest, intensity: IntensityTransform): DisplayRange {
  if (manifest.intensity.kind === "fixed") return { lower: 0, upper: manifest.intensity.scale };
  return { lower: intensity.lower, upper: intensity.upper };
}

/**
 * Overlapping masks become exclusive labels for the screen (the more probable segment is shown); what lies underneath is kept
 * beside them, so that the stored SEG holds every segment whole.
 *
 * @param result With its logits.
 * @param passCount Of the plan: the prompts of one object follow each other, one per pass.
 */
export function sliceResult(result: RefinementResult, passCount: number): SliceResult {
  const shown = shownLabels(result);
  const segments = result.stack.segments.map(({ number, mask }): SegmentResult => {
    const outcome = outcomeOf(result, number);
    if (outcome.kind === "absent") {
      return {
        number,
        areaPixels: 0,
        outcome: "absent",
        reason: undefined,
        estimatedDice: undefined,
        objects: [],
      };
    }
    return {
      number,
      areaPixels: shown.areas.get(number) ?? 0,
      outcome: outcome.kind,
      reason: outcome.kind === "kept-initial" ? keepReasonText(outcome.reason) : undefined,
      estimatedDice: outcome.quality.value,
      objects: promptedObjects(outcome.prompts, passCount, mask),
    };
  });
  return { labels: encodeLabels(shown.labels), hidden: shown.hidden, segments };
}

function outcomeOf({ outcomes }: RefinementResult, number: SegmentNumber): SegmentOutcome {
  return outcomes.get(number) ?? { kind: "absent" };
}

/**
 * SAM answers per object but the plan decides per class, so an object's mask is the part of the class inside its box, the
 * whole class where it has none.
 */
function promptedObjects(prompts: readonly Prompt[], passCount: number, mask: Mask): PromptedObject[] {
  const objects: PromptedObject[] = [];
  for (let start = 0; passCount > 0 && start < prompts.length; start += passCount) {
    const prompt = editablePrompt(prompts.slice(start, start + passCount), mask.geometry);
    if (prompt) objects.push({ prompt, mask: encodeMask(prompt.box ? insideBox(mask, prompt.box) : mask.data) });
  }
  return objects;
}

function insideBox({ geometry: { columns, rows }, data }: Mask, box: BoxPrompt): Uint8Array {
  const result = new Uint8Array(data.length);
  const [xMin, xMax] = [Math.max(0, Math.floor(box.xMin)), Math.min(columns - 1, Math.ceil(box.xMax))];
  for (let y = Math.max(0, Math.floor(box.yMin)); y <= Math.min(rows - 1, Math.ceil(box.yMax)); y++) {
    result.set(data.subarray(y * columns + xMin, y * columns + xMax + 1), y * columns + xMin);
  }
  return result;
}

/** Undefined where keeping the network's mask is what the plan wanted, and no doubt. */
function keepReasonText(reason: KeepReason): string | undefined {
  switch (reason) {
    case "plan-without-sam":
      return undefined;
    case "cleaned-away":
      return "clean-up would have left nothing, the network's mask was kept";
    case "no-prompt":
      return "no prompt could be derived, the network's mask was kept";
    case "below-agreement":
      return "SAM and the network disagree, the network's mask was kept";
    case "sam-returned-empty":
      return "SAM found nothing, the network's mask was kept";
  }
}
