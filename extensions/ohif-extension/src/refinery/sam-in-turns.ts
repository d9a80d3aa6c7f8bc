import type {
  DecodeOptions,
  EncodeOptions,
  Image2D,
  ImageEmbedding,
  ImageGeometry,
  MaskCandidate,
  Prompt,
  PromptableSegmenter,
  PromptCapabilities,
} from "@samrefine/core";

/**
 * SAM for one image at a time: who wants an image encoded waits until the embedding before it is disposed. Without turns, SAM
 * would go back and forth between the images that are under way at once, and all of them would be ready only at the end. With
 * them one embedding is alive, results come one by one, and SAM reads the next image while this one's answers are fused.
 */
export class SamInTurns implements PromptableSegmenter {
  readonly #sam: PromptableSegmenter;
  #lastTurn: Promise<void> = Promise.resolve();

  /** @param sam Borrowed. */
  constructor(sam: PromptableSegmenter) {
    this.#sam = sam;
  }

  get modelId(): string {
    return this.#sam.modelId;
  }

  get digest(): string {
    return this.#sam.digest;
  }

  get capabilities(): PromptCapabilities {
    return this.#sam.capabilities;
  }

  /** @returns the caller's turn, which lasts until it is disposed. */
  async encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    const before = this.#lastTurn;
    let end = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    // One that gives up while it waits lets nobody past those before it.
    this.#lastTurn = before.then(() => ended);
    try {
      await unlessAborted(before, options.signal);
      return new Turn(await this.#sam.encode(image, options), end);
    } catch (error) {
      end();
      throw error;
    }
  }

  decode(
    embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options?: DecodeOptions,
  ): Promise<readonly MaskCandidate[]> {
    return this.#sam.decode(embedding instanceof Turn ? embedding.embedding : embedding, prompts, options);
  }

  /** SAM is borrowed: nothing is held here. */
  async dispose(): Promise<void> {}
}

class Turn implements ImageEmbedding {
  readonly embedding: ImageEmbedding;
  readonly #end: () => void;

  constructor(embedding: ImageEmbedding, end: () => void) {
    this.embedding = embedding;
    this.#end = end;
  }

  get geometry(): ImageGeometry {
    return this.embedding.geometry;
  }

  get origin(): ImageEmbedding["origin"] {
    return this.embedding.origin;
  }

  async dispose(): Promise<void> {
    this.#end();
    await this.embedding.dispose();
  }
}

/** @throws the signal's reason, at once. */
function unlessAborted(wait: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return wait;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    void wait.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
