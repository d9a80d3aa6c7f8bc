import type {
  DatasetCase,
  DatasetSource,
  DisplayRange,
  Image2D,
  ImageEmbedding,
  PromptableSegmenter,
  Releasable,
} from "@samrefine/core";

/** A promptable model that takes part in training; its weights stay as they are. */
export interface PromptableGuide {
  /** Borrowed: the caller disposes it after the run. */
  readonly segmenter: PromptableSegmenter;
  /** The window of modality units that the model sees of a case. */
  displayRange(image: DatasetCase): DisplayRange;
  /** Embeddings kept at a time, 4 MiB each for SAM. Default 128. */
  readonly embeddingLimit?: number;
}

export interface EncodedSlice {
  readonly image: Image2D;
  readonly displayRange: DisplayRange;
  /** Owned by the {@link SliceEmbeddings} it came from. */
  readonly embedding: ImageEmbedding;
}

/**
 * Embeddings of training slices as they are on disk, each encoded when it is first asked for. Encoding is most of what SAM
 * costs, so a slice is encoded once and the model's masks follow the augmentation instead. Above the limit the slice that
 * was not asked for the longest is let go.
 */
export class SliceEmbeddings implements Releasable {
  readonly #guide: PromptableGuide;
  readonly #dataset: Pick<DatasetSource, "readCase">;
  readonly #limit: number;
  /** In order of use, the oldest first. */
  readonly #held = new Map<string, EncodedSlice>();

  constructor(guide: PromptableGuide, dataset: Pick<DatasetSource, "readCase">) {
    this.#guide = guide;
    this.#dataset = dataset;
    this.#limit = Math.max(1, guide.embeddingLimit ?? 128);
  }

  /** Valid until the next call. */
  async encoded(caseId: string, slice: number, signal?: AbortSignal): Promise<EncodedSlice> {
    const key = `${slice} ${caseId}`;
    const found = this.#held.get(key) ?? (await this.#encode(caseId, slice, signal));
    this.#held.delete(key);
    this.#held.set(key, found);
    return found;
  }

  async dispose(): Promise<void> {
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const { embedding } of all) await embedding.dispose();
  }

  async #encode(caseId: string, slice: number, signal: AbortSignal | undefined): Promise<EncodedSlice> {
    for (const [oldest, { embedding }] of this.#held) {
      if (this.#held.size < this.#limit) break;
      this.#held.delete(oldest);
      await embedding.dispose();
    }
    const source = await this.#dataset.readCase(caseId);
    const image = source.slices[slice]!;
    const displayRange = this.#guide.displayRange(source);
    return { image, displayRange, embedding: await this.#guide.segmenter.encode(image, { displayRange, signal }) };
  }
}
