import {
  type DecodeOptions,
  type EncodeOptions,
  type GridSize,
  type Image2D,
  type ImageEmbedding,
  type ImageGeometry,
  type Mask,
  type MaskCandidate,
  type MaskChoice,
  type Prompt,
  type PromptableSegmenter,
  type PromptCapabilities,
  RefineError,
  requirePromptCapabilities,
  withLazyProperty,
} from "@samrefine/core";
import { frameFit, type PromptableManifest } from "@samrefine/models";
import type { Tensor } from "onnxruntime-common";
import {
  type EmbeddingPrecision,
  type FloatTensor,
  packEmbedding,
  type StoredEmbedding,
  unpackEmbedding,
} from "../cache/embedding.ts";

import { embeddingKey } from "../cache/embedding-key.ts";
import type { TieredCache } from "../cache/tiered-cache.ts";
import { requireAlive } from "../engine/lifetime.ts";
import { float32Output, type ModelSession, type RunMeter } from "../engine/model-session.ts";
import type { RunQueue } from "../engine/run-queue.ts";
import type { OnnxRuntime } from "../engine/runtime.ts";
import type { DecodeBatch, DecoderInterface } from "./decoder-interface.ts";
import { decoderPrompt, fillUp, groupForBatching } from "./decoder-prompt.ts";
import { encoderInputLength, fillEncoderInput, type PixelRecipe } from "./encoder-input.ts";
import { declaredCapabilities } from "./family.ts";
import { frameOf, type SamFrame } from "./frame.ts";
import { RememberedTensors } from "./remembered-tensors.ts";
import { chooseToken } from "./token-choice.ts";
import { planUpsampling, type UpsamplePlan, upsampleAs, type WantedPart } from "./upsample.ts";

export interface SamParts {
  readonly manifest: PromptableManifest;
  readonly digest: string;
  /** Part of the cache keys: the decoder does not change an embedding. */
  readonly encoderDigest: string;
  readonly encoder: ModelSession;
  readonly decoder: ModelSession;
  readonly decoderInterface: DecoderInterface;
  readonly runtime: OnnxRuntime;
  readonly meter: RunMeter;
  readonly queue: RunQueue;
  readonly cache: TieredCache;
  readonly precision: EmbeddingPrecision;
  /** Embeddings that handles hold, for the statistics. */
  readonly held: Set<SamEmbedding>;
  readonly onDispose: () => void;
}

/** Handle of one embedding; borrowed by `decode`, owned by the caller of `encode`. */
export class SamEmbedding implements ImageEmbedding {
  readonly geometry: ImageGeometry;
  readonly origin: "encoded" | "cache";
  readonly owner: SamSegmenter;
  readonly #held: Set<SamEmbedding>;
  #stored: StoredEmbedding | undefined;

  constructor(
    owner: SamSegmenter,
    geometry: ImageGeometry,
    origin: "encoded" | "cache",
    stored: StoredEmbedding,
    held: Set<SamEmbedding>,
  ) {
    this.owner = owner;
    this.geometry = geometry;
    this.origin = origin;
    this.#stored = stored;
    this.#held = held;
    held.add(this);
  }

  /** @throws RefineError `disposed`. */
  get stored(): StoredEmbedding {
    requireAlive(this.#stored === undefined, "The image embedding");
    return this.#stored!;
  }

  async dispose(): Promise<void> {
    this.#held.delete(this);
    this.#stored = undefined;
  }
}

interface DecodedEmbedding {
  readonly of: StoredEmbedding;
  readonly tensors: Readonly<Record<string, FloatTensor>>;
  readonly remembered: RememberedTensors;
}

/** SAM of any family: pixels, places and masks here, names and codes in its {@link DecoderInterface}. */
export class SamSegmenter implements PromptableSegmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly capabilities: PromptCapabilities;
  readonly #parts: SamParts;
  /**
   * What was decoded last, in full precision, and what its decoder made of it: clicks follow each other on one image. 14 MiB
   * for SAM. Only a task of the queue may look at it.
   */
  #decoded: DecodedEmbedding | undefined;
  /** The way back to the grid that was decoded to last. */
  #plan: { readonly of: SamFrame; readonly plan: UpsamplePlan } | undefined;
  /** Lent to one encoder run after another; the queue lets only one be under way. */
  #encoderInput: Float32Array | undefined;
  #disposed = false;

  constructor(parts: SamParts) {
    this.#parts = parts;
    this.modelId = parts.manifest.id;
    this.digest = parts.digest;
    this.capabilities = declaredCapabilities(parts.manifest, parts.decoderInterface.capabilities);
  }

  /**
   * @returns a handle that the caller owns.
   * @throws RefineError `shape-mismatch` `inference` `out-of-memory` `disposed`.
   */
  async encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    options.signal?.throwIfAborted();
    requireAlive(this.#disposed, `The model ${this.modelId}`);
    const { cache, queue, encoderDigest, held } = this.#parts;
    const key = cache.keepsNothing ? undefined : await embeddingKey(image, options.displayRange, encoderDigest);
    // The look-up waits its turn too: the same image may be the one that is encoded right now.
    const [stored, origin] = await queue.enqueue(async () => {
      const cached = key && (await cache.take(key));
      if (cached) return [cached, "cache"] as const;
      const encoded = await this.#runEncoder(image, options);
      if (key) cache.put(key, encoded);
      return [encoded, "encoded"] as const;
    }, options.signal);
    options.signal?.throwIfAborted();
    options.onProgress?.({ stage: "Encoding", completed: 1, total: 1, unit: "slice" });
    return new SamEmbedding(this, image.geometry, origin, stored, held);
  }

  /**
   * Prompts with the same number of tokens share a run. Masks are exactly those of the reference's two bilinear steps.
   *
   * @throws RefineError `prompt-out-of-bounds` `missing-capability` `configuration` `shape-mismatch` `inference`
   * `out-of-memory` `disposed`.
   */
  async decode(
    embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options: DecodeOptions = {},
  ): Promise<readonly MaskCandidate[]> {
    options.signal?.throwIfAborted();
    requireAlive(this.#disposed, `The model ${this.modelId}`);
    if (!(embedding instanceof SamEmbedding) || embedding.owner !== this) {
      throw new RefineError("configuration", `The embedding was not made by the model ${this.modelId}.`, {
        hint: "Encode the image with the same model that decodes.",
      });
    }
    const { manifest, queue, runtime, decoderInterface } = this.#parts;
    const { stored } = embedding;
    const frame = this.#frameOf(embedding.geometry);
    const geometry = options.outputGeometry ?? embedding.geometry;
    const plan = this.#planFor(frame, geometry);
    const isFilled = runtime.preparesPerShape && decoderInterface.hidesFillers;
    const asked = prompts.map((prompt, index) => {
      this.#requireUnderstood(prompt, options.maskChoice);
      const tokens = decoderPrompt(prompt, index, frame, decoderInterface.padding);
      return isFilled ? fillUp(tokens) : tokens;
    });
    const { batch: canBatch } = this.capabilities;
    const largestBatch = (prompt: Prompt) => (canBatch ? decoderInterface.largestBatch(prompt) : 1);
    const answers: MaskCandidate[] = [];
    let completed = 0;
    for (const group of groupForBatching(asked, largestBatch)) {
      const batch: DecodeBatch = { prompts: group, frame, lowRes: manifest.lowRes };
      const outputs = await queue.enqueue(() => this.#runDecoder(stored, batch), options.signal);
      options.signal?.throwIfAborted();
      for (const [index, candidate] of this.#candidates(outputs, batch, plan, geometry, options)) {
        answers[index] = candidate;
      }
      completed += group.length;
      options.onProgress?.({ stage: "Refining", completed, total: prompts.length, unit: "segment" });
    }
    return answers;
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const { onDispose, queue, encoder, decoder, held } = this.#parts;
    onDispose();
    for (const embedding of held) if (embedding.owner === this) await embedding.dispose();
    await queue.enqueue(async () => {
      this.#decoded?.remembered.dispose();
      this.#decoded = undefined;
      await encoder.release();
      await decoder.release();
    });
    this.#encoderInput = undefined;
  }

  async #runEncoder(image: Image2D, options: EncodeOptions): Promise<StoredEmbedding> {
    const { encoder, runtime, meter, decoderInterface, precision } = this.#parts;
    const frame = this.#frameOf(image.geometry);
    const recipe = this.#recipe;
    const length = encoderInputLength(frame, recipe.layout);
    if (this.#encoderInput?.length !== length) this.#encoderInput = new Float32Array(length);
    const start = performance.now();
    fillEncoderInput(this.#encoderInput, image, options.displayRange, frame, recipe);
    meter.encoderInput += performance.now() - start;
    const { side, scaled } = frame;
    const dims = recipe.layout === "interleaved" ? [scaled.rows, scaled.columns, 3] : [1, 3, side, side];
    const input = runtime.tensor(this.#encoderInput, dims);
    const outputs = await encoder.run({ [decoderInterface.encoderInput]: input });
    const tensors = Object.entries(decoderInterface.embedding).map(([output, name]): [string, FloatTensor] => {
      const data = float32Output(outputs, output, [1, -1, -1, -1], encoder.origin);
      return [name, { data, dims: [...outputs[output]!.dims] }];
    });
    return packEmbedding(Object.fromEntries(tensors), precision);
  }

  get #recipe(): PixelRecipe {
    const { manifest } = this.#parts;
    return { ...manifest, layout: "encoder" in manifest ? manifest.encoder.layout : undefined };
  }

  #frameOf(image: ImageGeometry): SamFrame {
    const { manifest } = this.#parts;
    return frameOf(image, manifest.frame, frameFit(manifest));
  }

  #planFor(frame: SamFrame, output: ImageGeometry): UpsamplePlan {
    const last = this.#plan;
    const isSame = (a: GridSize, b: GridSize) => a.columns === b.columns && a.rows === b.rows;
    if (last && isSame(last.of.image, frame.image) && isSame(last.plan.output, output)) return last.plan;
    const { columns, rows } = output;
    const plan = planUpsampling(frame, this.#parts.manifest.lowRes, { columns, rows });
    this.#plan = { of: frame, plan };
    return plan;
  }

  /** @throws RefineError `missing-capability` `configuration`. */
  #requireUnderstood(prompt: Prompt, maskChoice: MaskChoice | undefined): void {
    const { manifest, decoderInterface } = this.#parts;
    requirePromptCapabilities(prompt, maskChoice, this);
    if (prompt.points?.length && manifest.prompts?.includes("points") === false) {
      throw new RefineError(
        "missing-capability",
        `${this.modelId} was not trained for points, which the prompt needs.`,
        {
          hint: "Draw a box instead, or choose another model.",
          details: { capability: "points", modelId: this.modelId },
        },
      );
    }
    const tokens = (prompt.points?.length ?? 0) + (prompt.box ? 2 : 0);
    const { mostTokens = tokens } = decoderInterface;
    if (tokens <= mostTokens) return;
    throw new RefineError(
      "configuration",
      `The prompt for segment ${prompt.segment} has ${tokens} points (a box counts as two), but ${this.modelId} takes at most ${mostTokens}.`,
      { hint: "Delete some points, or choose another model.", details: { found: tokens, most: mostTokens } },
    );
  }

  async #runDecoder(stored: StoredEmbedding, batch: DecodeBatch): Promise<Record<string, Tensor>> {
    const { runtime, decoder, decoderInterface } = this.#parts;
    if (this.#decoded?.of !== stored) {
      this.#decoded?.remembered.dispose();
      const remembered = new RememberedTensors(runtime, decoderInterface.remembered);
      this.#decoded = { of: stored, tensors: unpackEmbedding(stored), remembered };
    }
    const { tensors, remembered } = this.#decoded;
    const feeds = Object.entries({ ...tensors, ...decoderInterface.feeds(batch) });
    const outputs = await decoder.run({
      ...Object.fromEntries(feeds.map(([name, { data, dims }]) => [name, runtime.tensor(data, dims)])),
      ...remembered.feeds(),
    });
    remembered.keep(outputs);
    return outputs;
  }

  *#candidates(
    outputs: Awaited<ReturnType<ModelSession["run"]>>,
    batch: DecodeBatch,
    plan: UpsamplePlan,
    geometry: ImageGeometry,
    options: DecodeOptions,
  ): Generator<readonly [index: number, candidate: MaskCandidate]> {
    const { manifest, decoder, decoderInterface } = this.#parts;
    const { tokens } = decoderInterface;
    const side = manifest.lowRes;
    const size = side * side;
    const { masks, ious, objectScores } = decoderInterface.read(outputs, batch, decoder.origin);
    for (const [row, { index, prompt }] of batch.prompts.entries()) {
      const claims = ious.subarray(row * tokens.length, (row + 1) * tokens.length);
      const place = chooseToken(options.maskChoice ?? "auto", prompt, claims, tokens);
      const start = (row * tokens.length + place) * size;
      const data = masks.slice(start, start + size);
      const wanted = wantedPart(options.logits, index);
      const { cut, logits } = upsampleAs(manifest.interpolate ?? "logits", data, plan, wanted);
      const candidate = {
        logits,
        lowResLogits: { width: side, height: side, data },
        predictedIou: claims[place]!,
        ...(objectScores && { objectScore: objectScores[row]! }),
        token: tokens[place]!,
      };
      // Who goes on with the logits never reads it.
      yield [index, withLazyProperty(candidate, "mask", (): Mask => ({ geometry, data: cut() }))];
    }
  }
}

/** @param index of the prompt among those that were asked together. */
function wantedPart(logits: DecodeOptions["logits"] = "whole", index: number): WantedPart | undefined {
  if (logits === "omit") return undefined;
  if (logits === "whole") return { above: Number.NEGATIVE_INFINITY };
  return { above: logits.above, within: logits.within?.[index] };
}
