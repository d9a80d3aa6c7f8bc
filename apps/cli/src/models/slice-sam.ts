import type {
  DecodeOptions,
  EncodeOptions,
  Image2D,
  ImageEmbedding,
  MaskCandidate,
  Prompt,
  PromptableSegmenter,
} from "@samrefine/core";

interface HeldEmbedding {
  readonly image: Image2D;
  readonly embedding: ImageEmbedding;
  /** What is lent to the plans, which dispose what they asked for. */
  readonly lent: ImageEmbedding;
  /** Of encoding it, also where the engine remembered it. */
  readonly encodeMs: number;
}

/**
 * Lets several plans refine one image with one encoding, and knows what an encoding costs, so that every plan that asks for
 * one can be charged in full. One embedding is alive at a time: a plan that encodes crops lets go of the slice's, which the
 * next plan finds in the engine's cache.
 */
export class SliceSam implements PromptableSegmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly capabilities: PromptableSegmenter["capabilities"];
  readonly #inner: PromptableSegmenter;
  #held: HeldEmbedding | undefined;
  /** Of the last encoding that was computed; SAM takes the same time for every image. */
  #encodeMs = 0;
  #spentNowMs = 0;
  #chargedNowMs = 0;
  /** What the plan at work has asked for; the engine would remember it for this plan alone, too. */
  #askedNow = new Set<Image2D>();

  /** @param inner borrowed; the caller disposes it. */
  constructor(inner: PromptableSegmenter) {
    this.#inner = inner;
    this.modelId = inner.modelId;
    this.digest = inner.digest;
    this.capabilities = inner.capabilities;
  }

  async encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    const { held, spentMs } = await this.#hold(image, options);
    this.#spentNowMs += spentMs;
    this.#chargedNowMs += this.#askedNow.has(image) ? spentMs : held.encodeMs;
    this.#askedNow.add(image);
    return held.lent;
  }

  async decode(
    embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options?: DecodeOptions,
  ): Promise<readonly MaskCandidate[]> {
    if (this.#held?.lent !== embedding) throw new Error("The embedding was let go for another one.");
    return await this.#inner.decode(this.#held.embedding, prompts, options);
  }

  /**
   * Runs one plan's work and returns its seconds as if it had been the only one: every image that it asked to be encoded is
   * counted, also when another plan's encoding was reused.
   */
  async charge<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly seconds: number }> {
    this.#spentNowMs = 0;
    this.#chargedNowMs = 0;
    this.#askedNow = new Set();
    const started = performance.now();
    const value = await work();
    const own = performance.now() - started - this.#spentNowMs;
    return { value, seconds: (own + this.#chargedNowMs) / 1000 };
  }

  /** To be called when a slice is done. */
  async forgetSlice(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.embedding.dispose();
  }

  async dispose(): Promise<void> {
    await this.forgetSlice();
  }

  /** The image's embedding, with what it took to have it now. */
  async #hold(image: Image2D, options: EncodeOptions): Promise<{ held: HeldEmbedding; spentMs: number }> {
    if (this.#held?.image === image) return { held: this.#held, spentMs: 0 };
    await this.forgetSlice();
    const started = performance.now();
    const embedding = await this.#inner.encode(image, options);
    const spentMs = performance.now() - started;
    if (embedding.origin === "encoded") this.#encodeMs = spentMs;
    const { geometry, origin } = embedding;
    const lent = { geometry, origin, dispose: async () => {} };
    const held = { image, embedding, lent, encodeMs: Math.max(spentMs, this.#encodeMs) };
    this.#held = held;
    return { held, spentMs };
  }
}
