import {
  type DecodeOptions,
  type EncodeOptions,
  type Image2D,
  type ImageEmbedding,
  isRefineError,
  type MaskCandidate,
  type Prompt,
  type PromptableSegmenter,
  type PromptCapabilities,
  RefineError,
  type Segmenter,
  type SegmentStack,
  type SegmentTaskOptions,
  type TaskOptions,
} from "@samrefine/core";
import type { InferenceEngine } from "../contract.ts";
import { requireAlive } from "../engine/lifetime.ts";
import type { BackendDecision } from "./backend-memory.ts";

/** A model on the engine that was chosen for it. */
export interface Placement<M> {
  readonly model: M;
  readonly engine: InferenceEngine;
  /** The trusted engine that all models share. */
  readonly isBase: boolean;
  readonly decision: BackendDecision;
  /** On the base for the time being: what is faster was not tried yet. */
  readonly isUndecided?: boolean;
  /** The same model on the base, loaded still: its embeddings are decoded there, and it takes over after a failure. */
  readonly standby?: Placement<M>;
}

/** What the ladder does for a model that has to move. */
export interface Moves<M> {
  /** The back end failed while the model was in use. */
  toBase(from: Placement<M>, reason: string, options: TaskOptions): Promise<Placement<M>>;
  /** Someone wants another back end. */
  to(backend: string, from: Placement<M>, options: TaskOptions): Promise<Placement<M>>;
  /** Nobody waits: what is faster may be tried. */
  prove(from: Placement<M>, options: TaskOptions): Promise<Placement<M>>;
  /** Tells that somebody waits for the model. */
  during<T>(use: () => Promise<T>): Promise<T>;
  release(placement: Placement<M>): Promise<void>;
}

/** Failures of the place where a model runs, not of what was asked: the same call may succeed elsewhere. */
function isBackendFailure(error: unknown): error is Error {
  return (
    isRefineError(error, "backend-unavailable") ||
    isRefineError(error, "worker-crashed") ||
    isRefineError(error, "out-of-memory")
  );
}

abstract class LadderModel<M extends Segmenter | PromptableSegmenter> {
  #placement: Placement<M>;
  readonly #moves: Moves<M>;
  #moving: Promise<Placement<M>> | undefined;
  #disposed = false;

  constructor(placement: Placement<M>, moves: Moves<M>) {
    this.#placement = placement;
    this.#moves = moves;
  }

  get modelId(): string {
    return this.#placement.model.modelId;
  }

  get digest(): string {
    return this.#placement.model.digest;
  }

  get placement(): Placement<M> {
    return this.#placement;
  }

  async moveTo(backend: string, options: TaskOptions): Promise<void> {
    await this.#move((from) => this.#moves.to(backend, from, options));
  }

  /** Tries what is faster; calls in the meantime go where the model is now. */
  async prove(options: TaskOptions): Promise<void> {
    const from = this.#placement;
    if (this.#disposed || this.#moving) return;
    const proven = await this.#moves.prove(from, options);
    // The model may have been moved or disposed while nobody looked.
    if (this.#placement === from && !this.#disposed) {
      this.#placement = proven;
      return;
    }
    const { standby: _, ...unwanted } = proven;
    if (!unwanted.isBase) await this.#moves.release(unwanted);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#moving?.catch(() => {});
    await this.#moves.release(this.#placement);
  }

  /** Runs where the model is; when that place fails and is not the base, once more on the base. */
  protected async here<T>(options: TaskOptions, run: (model: M) => Promise<T>): Promise<T> {
    requireAlive(this.#disposed, `The model ${this.modelId}`);
    return this.#moves.during(() => this.#runHere(options, run));
  }

  async #runHere<T>(options: TaskOptions, run: (model: M) => Promise<T>): Promise<T> {
    const placement = (await this.#moving) ?? this.#placement;
    try {
      return await run(placement.model);
    } catch (error) {
      if (!isBackendFailure(error) || options.signal?.aborted || this.#disposed) throw error;
      // The base rebuilds its worker by itself.
      if (placement.isBase) throw error;
      // Of several calls that failed together the first moves the model.
      await this.#move(async (from) => (from === placement ? this.#moves.toBase(from, error.message, options) : from));
      return run(this.#placement.model);
    }
  }

  async #move(go: (from: Placement<M>) => Promise<Placement<M>>): Promise<void> {
    const before = this.#moving ?? Promise.resolve(this.#placement);
    const moving = before.catch(() => this.#placement).then(go);
    this.#moving = moving;
    try {
      this.#placement = await moving;
    } finally {
      if (this.#moving === moving) this.#moving = undefined;
    }
  }
}

/** A U-Net that stays usable when its back end fails. */
export class LadderSegmenter extends LadderModel<Segmenter> implements Segmenter {
  segment(image: Image2D, options: SegmentTaskOptions): Promise<SegmentStack> {
    return this.here(options, (model) => model.segment(image, options));
  }
}

/**
 * A promptable model that stays usable when its back end fails. Its embeddings do not: one that was made elsewhere is
 * refused with `worker-crashed`, as after any lost worker.
 */
export class LadderPromptable extends LadderModel<PromptableSegmenter> implements PromptableSegmenter {
  readonly #makers = new WeakMap<ImageEmbedding, PromptableSegmenter>();

  get capabilities(): PromptCapabilities {
    return this.placement.model.capabilities;
  }

  encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    return this.here(options, async (model) => {
      const embedding = await model.encode(image, options);
      this.#makers.set(embedding, model);
      return embedding;
    });
  }

  decode(
    embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options: DecodeOptions = {},
  ): Promise<readonly MaskCandidate[]> {
    return this.here(options, async (model) => {
      const maker = this.#makers.get(embedding);
      if (maker === undefined || maker === model) return model.decode(embedding, prompts, options);
      if (maker === this.placement.standby?.model) return maker.decode(embedding, prompts, options);
      throw new RefineError("worker-crashed", "The image embedding went with the back end that held it.", {
        hint: "Encode the image again; the model runs elsewhere now.",
      });
    });
  }
}
