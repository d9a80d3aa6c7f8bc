import {
  type DatasetSource,
  type GridSize,
  type Random,
  type RefinementPlan,
  type Releasable,
  refine,
  type SegmentStack,
} from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import type { Sample } from "../data/sampler.ts";
import { warpLabels } from "../data/warp.ts";
import { type PromptableGuide, SliceEmbeddings } from "./slice-embeddings.ts";

/** SAM's opinion of a batch, on the samples' augmented views; both tensors are [N, labels, rows, columns]. */
export interface SamAnswer {
  /** 1 where SAM sees the label. */
  readonly target: RawTensor;
  /** 1 in the channels that SAM was asked about and answered, 0 in those without a prompt or an answer. */
  readonly heard: RawTensor;
}

export interface SamGuideOptions {
  readonly guide: PromptableGuide;
  readonly dataset: Pick<DatasetSource, "readCase">;
  readonly plan: RefinementPlan;
  readonly grid: GridSize;
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
   * @param logits of the student for the samples' originals, [N, labels, rows, columns].
   * @param random seeds the plan's random points, one stream per sample.
   */
  async answer(samples: readonly Sample[], logits: RawTensor, random: Random): Promise<SamAnswer> {
    const { grid } = this.#options;
    const pixels = grid.rows * grid.columns;
    const labelCount = logits.dims[1] ?? 0;
    const target = new Float32Array(logits.data.length);
    const heard = new Float32Array(logits.data.length);
    for (const [n, sample] of samples.entries()) {
      const start = n * labelCount * pixels;
      const proposal = stackOfLogits(logits.data.subarray(start, start + labelCount * pixels), labelCount, grid);
      if (!proposal.segments.some(({ mask }) => mask.data.includes(1))) continue;
      const seed = random.fork(`sample ${n}`).integer(2 ** 31);
      for (const { channel, mask } of await this.#ask(sample, proposal, seed)) {
        const offset = start + channel * pixels;
        target.set(sample.warp ? warpLabels(mask, sample.warp, grid) : mask, offset);
        heard.fill(1, offset, offset + pixels);
      }
    }
    return { target: { data: target, dims: logits.dims }, heard: { data: heard, dims: logits.dims } };
  }

  async dispose(): Promise<void> {
    await this.#embeddings.dispose();
  }

  /** The masks of the labels that SAM changed or confirmed, on the grid, by channel. */
  async #ask({ caseId, slice }: Sample, proposal: SegmentStack, seed: number) {
    const { plan, signal } = this.#options;
    const { image, displayRange, embedding } = await this.#embeddings.encoded(caseId, slice, signal);
    const { stack, outcomes } = await refine(image, proposal, { ...plan, seed }, this.#options.guide.segmenter, {
      displayRange,
      embedding,
      outputGeometry: proposal.geometry,
      probabilities: false,
      signal,
    });
    return stack.segments.flatMap(({ number, mask }, channel) =>
      outcomes.get(number)?.kind === "refined" ? [{ channel, mask: mask.data }] : [],
    );
  }
}

/** Segment v is channel v - 1, where the probability is above one half. */
function stackOfLogits(logits: Float32Array, labelCount: number, { rows, columns }: GridSize): SegmentStack {
  const geometry = { rows, columns };
  const pixels = rows * columns;
  return {
    geometry,
    segments: Array.from({ length: labelCount }, (_, channel) => {
      const values = logits.subarray(channel * pixels, (channel + 1) * pixels);
      return {
        number: channel + 1,
        mask: { geometry, data: Uint8Array.from(values, (z) => (z > 0 ? 1 : 0)) },
        probability: values.map((z) => 1 / (1 + Math.exp(-z))),
      };
    }),
  };
}
