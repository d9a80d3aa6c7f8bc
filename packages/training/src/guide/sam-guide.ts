import {
  type DatasetSource,
  type GridSize,
  maskAbove,
  type Random,
  type RefinementPlan,
  type Releasable,
  refine,
  type Segment,
  type SegmentStack,
} from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import type { Sample } from "../data/sampler.ts";
import { warpLabels } from "../data/warp.ts";
import { type Activation, channelCount, labelPlanes } from "../loss/activation.ts";
import { type PromptableGuide, SliceEmbeddings } from "./slice-embeddings.ts";

/** SAM's opinion of a batch, on the samples' augmented views. */
export interface SamAnswer {
  /** [N, channels, rows, columns], 1 where SAM sees the label; with a softmax one channel of each pixel is 1. */
  readonly target: RawTensor;
  /**
   * Independent labels: as `target`, 1 in the channels that SAM was asked about and answered. Softmax: [N, 1, rows, columns],
   * 1 in images for which it answered, but 0 where the student sees a label on which it did not.
   */
  readonly heard: RawTensor;
}

export interface SamGuideOptions {
  readonly guide: PromptableGuide;
  readonly dataset: Pick<DatasetSource, "readCase">;
  readonly plan: RefinementPlan;
  readonly grid: GridSize;
  readonly labelCount: number;
  readonly activation: Activation;
  readonly signal?: AbortSignal | undefined;
}

/**
 * SAM inside the training loop: the student's own prediction for the slice as it is becomes prompts by a plan, SAM answers
 * on the slice's embedding, and its masks are moved by the warp that made the sample's view. No reference label takes part.
 */
export class SamGuide implements Releasable {
  readonly #options: SamGuideOptions;
  readonly #embeddings: SliceEmbeddings;

  constructor(options: SamGuideOptions) {
    this.#options = options;
    this.#embeddings = new SliceEmbeddings(options.guide, options.dataset);
  }

  /**
   * @param logits of the student for the samples' originals, [N, channels, rows, columns].
   * @param random seeds the plan's random points, one stream per sample.
   */
  async answer(samples: readonly Sample[], logits: RawTensor, random: Random): Promise<SamAnswer> {
    const { grid, labelCount, activation } = this.#options;
    const pixels = grid.rows * grid.columns;
    const channels = channelCount(labelCount, activation);
    const heardChannels = activation === "softmax" ? 1 : channels;
    const target = new Float32Array(samples.length * channels * pixels);
    const heard = new Float32Array(samples.length * heardChannels * pixels);
    for (const [n, sample] of samples.entries()) {
      const own = { target: target.subarray(n * channels * pixels), heard: heard.subarray(n * heardChannels * pixels) };
      const proposal = this.#proposal(logits.data.subarray(n * channels * pixels, (n + 1) * channels * pixels));
      const seed = random.fork(`sample ${n}`).integer(2 ** 31);
      const isEmpty = !proposal.segments.some(({ mask }) => mask.data.includes(1));
      const answered = isEmpty ? [] : await this.#ask(sample, proposal, seed);
      const moved = (mask: Uint8Array, outside = 0): Uint8Array =>
        sample.warp ? warpLabels(mask, sample.warp, grid, outside) : mask;
      if (activation === "softmax") {
        const { label, isHeard } = oneLabelPerPixel(answered, proposal, pixels);
        // Without an answer nothing counts, and what lies outside the image is background as in the labels.
        moved(label).forEach((value, pixel) => {
          own.target[value * pixels + pixel] = 1;
        });
        own.heard.set(moved(isHeard, answered.length > 0 ? 1 : 0));
        continue;
      }
      for (const { index, mask } of answered) {
        own.target.set(moved(mask.data), index * pixels);
        own.heard.fill(1, index * pixels, (index + 1) * pixels);
      }
    }
    const { rows, columns } = grid;
    return {
      target: { data: target, dims: [samples.length, channels, rows, columns] },
      heard: { data: heard, dims: [samples.length, heardChannels, rows, columns] },
    };
  }

  async dispose(): Promise<void> {
    await this.#embeddings.dispose();
  }

  /** The student's prediction: segment v is label v - 1. */
  #proposal(logits: Float32Array): SegmentStack {
    const { grid, labelCount, activation } = this.#options;
    const geometry = { rows: grid.rows, columns: grid.columns };
    return {
      geometry,
      segments: labelPlanes(logits, labelCount, activation).map((plane, index) => ({
        number: index + 1,
        mask: maskAbove(plane.logits, geometry, 0),
        ...plane,
      })),
    };
  }

  /** The masks of the labels that SAM changed or confirmed, on the grid, by the label's index. */
  async #ask({ caseId, slice }: Sample, proposal: SegmentStack, seed: number): Promise<readonly Answer[]> {
    const { plan, activation, signal } = this.#options;
    const { image, displayRange, embedding } = await this.#embeddings.encoded(caseId, slice, signal);
    const { stack, outcomes } = await refine(image, proposal, { ...plan, seed }, this.#options.guide.segmenter, {
      displayRange,
      embedding,
      outputGeometry: proposal.geometry,
      // Between labels that claim the same pixel the more probable one is taken.
      probabilities: activation === "softmax",
      signal,
    });
    return stack.segments.flatMap(({ number, mask, probability }, index) =>
      outcomes.get(number)?.kind === "refined" ? [{ index, mask, probability }] : [],
    );
  }
}

interface Answer extends Pick<Segment, "mask"> {
  readonly index: number;
  readonly probability: Float32Array | undefined;
}

/** Label values of a slice: SAM's most probable mask, 0 without one (methods.md 3.6, fusion with a background of logit 0). */
function oneLabelPerPixel(
  answered: readonly Answer[],
  { segments }: SegmentStack,
  pixels: number,
): { readonly label: Uint8Array; readonly isHeard: Uint8Array } {
  const label = new Uint8Array(pixels);
  const isHeard = new Uint8Array(pixels).fill(answered.length > 0 ? 1 : 0);
  const best = new Float32Array(pixels);
  for (const { index, mask, probability } of answered) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      const value = probability?.[pixel] ?? 1;
      if (mask.data[pixel] === 0 || value <= best[pixel]!) continue;
      best[pixel] = value;
      label[pixel] = index + 1;
    }
  }
  const isAnswered = new Set(answered.map(({ index }) => index));
  for (const [index, { mask }] of segments.entries()) {
    if (isAnswered.has(index)) continue;
    for (let pixel = 0; pixel < pixels; pixel++) {
      if (mask.data[pixel] === 1 && label[pixel] === 0) isHeard[pixel] = 0;
    }
  }
  return { label, isHeard };
}
