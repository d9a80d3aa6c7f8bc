import type {
  DecodeOptions,
  EncodeOptions,
  Image2D,
  ImageEmbedding,
  MaskCandidate,
  Prompt,
  PromptableSegmenter,
} from "@samrefine/core";

/**
 * Lets several plans refine one slice with one encoding, and knows what the encoding cost, so that every plan that asked
 * for it can be charged in full. One embedding is alive at a time.
 */
export class SliceSam implements PromptableSegmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly capabilities: PromptableSegmenter["capabilities"];
  readonly #inner: PromptableSegmenter;
  #held: ImageEmbedding | undefined;
  #encodeMs = 0;
  #wasAsked = false;
  #spentNowMs = 0;

  /** @param inner borrowed; the caller disposes it. */
  constructor(inner: PromptableSegmenter) {
    this.#inner = inner;
    this.modelId = inner.modelId;
    this.digest = inner.digest;
    this.capabilities = inner.capabilities;
  }

  async encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    this.#wasAsked = true;
    if (this.#held === undefined) {
      const started = performance.now();
      this.#held = await this.#inner.encode(image, options);
      this.#encodeMs = performance.now() - started;
      this.#spentNowMs = this.#encodeMs;
    }
    const { geometry, origin } = this.#held;
    return { geometry, origin, dispose: async () => {} };
  }

  async decode(
    _embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options?: DecodeOptions,
  ): Promise<readonly MaskCandidate[]> {
    if (this.#held === undefined) throw new Error("decode before encode");
    return await this.#inner.decode(this.#held, prompts, options);
  }

  /**
   * Runs one plan's work on the current slice and returns its seconds as if it had been the only one: encoding is counted
   * once when it asked for it, also when another plan's encoding was reused.
   */
  async charge<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly seconds: number }> {
    this.#wasAsked = false;
    this.#spentNowMs = 0;
    const started = performance.now();
    const value = await work();
    const own = performance.now() - started - this.#spentNowMs;
    return { value, seconds: (own + (this.#wasAsked ? this.#encodeMs : 0)) / 1000 };
  }

  /** To be called when a slice is done. */
  async forgetSlice(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.dispose();
  }

  async dispose(): Promise<void> {
    await this.forgetSlice();
  }
}
