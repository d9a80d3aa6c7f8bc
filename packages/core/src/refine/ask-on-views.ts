import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { SegmentNumber } from "../mask/mask.ts";
import type { ImageEmbedding, PromptableSegmenter } from "../segmenter.ts";
import { askSam, type UnitAnswer } from "./ask-sam.ts";
import { cropSegmenter } from "./crop-segmenter.ts";
import { type EncodedView, encodedViews } from "./crop-view.ts";
import type { PromptSource } from "./derive-prompts.ts";
import type { PlanPart } from "./exceptions.ts";
import { uniteLogits } from "./fuse-logits.ts";
import type { RefinementPlan } from "./plan.ts";
import type { RefineOptions } from "./result.ts";

/** A part of a plan with its prompts. */
export interface AskedPart extends PlanPart {
  readonly source: PromptSource;
}

export interface ViewQuestions {
  readonly image: Image2D;
  readonly parts: readonly AskedPart[];
  readonly plan: RefinementPlan;
  readonly segmenter: PromptableSegmenter;
  /** Grid of the prompts. */
  readonly grid: ImageGeometry;
  readonly output: ImageGeometry;
  readonly options: RefineOptions;
  /** The blends of SAM's logits with the network's are wanted where they are above this. */
  readonly level: number;
  /** How many segments have been through how many passes. */
  readonly onProgress: (completed: number) => void;
}

/**
 * Asks about all units of all parts, encoding by encoding as the plan's `encode` says. One embedding is alive at a time,
 * beside one that was given; those made here are disposed here.
 */
export async function askOnViews(task: ViewQuestions): Promise<readonly UnitAnswer[]> {
  const { image, parts, plan, grid, output, options, level } = task;
  const objects = parts.flatMap(({ source }) => source.units);
  const views = encodedViews(objects, plan.encode, image.geometry);
  const answers: UnitAnswer[] = [];
  let completed = 0;
  for (const view of views) {
    const segmenter = segmenterOfView(view, task);
    const given = view.crop === undefined ? options.embedding : undefined;
    const embedding = lazyEmbedding(image, segmenter, { ...options, embedding: given });
    try {
      for (const { plan: ofPart, segments, source } of parts) {
        const units = source.units.filter((unit) => view.units.has(unit));
        const onPassDone = (): void => {
          completed += (segments.size * units.length) / Math.max(1, source.units.length);
          task.onProgress(Math.floor(completed));
        };
        const found = await askSam({
          embed: embedding.get,
          source,
          units,
          plan: ofPart,
          segmenter,
          grid,
          output,
          options,
          level,
          comparesPasses: options.measureAll === true || ["click-variance", "calibrated"].includes(plan.quality ?? ""),
          onPassDone,
        });
        answers.push(...found);
        options.signal?.throwIfAborted();
        // The end is told by `refine`, when it has decided.
        if (units.length > 0 && view !== views.at(-1)) onPassDone();
      }
    } finally {
      await embedding.dispose();
    }
  }
  return answers;
}

function segmenterOfView({ crop, units }: EncodedView, { image, segmenter, grid }: ViewQuestions): PromptableSegmenter {
  if (crop === undefined) return segmenter;
  const network = (segment: SegmentNumber): Float32Array =>
    uniteLogits([...units].filter((unit) => unit.segment === segment).map(({ logits }) => logits));
  return cropSegmenter(segmenter, image.geometry, crop, (segment) => ({ geometry: grid, data: network(segment) }));
}

/** The image's embedding when it is first asked for; disposed here unless it was given. */
function lazyEmbedding(
  image: Image2D,
  segmenter: PromptableSegmenter,
  { embedding, displayRange, signal, logger }: RefineOptions,
): { readonly get: () => Promise<ImageEmbedding>; readonly dispose: () => Promise<void> } {
  let own: ImageEmbedding | undefined;
  return {
    get: async () => {
      if (embedding !== undefined) return embedding;
      own ??= await segmenter.encode(image, { displayRange, signal, logger });
      return own;
    },
    dispose: async () => await own?.dispose(),
  };
}
