import {
  type DecodeOptions,
  type EncodeOptions,
  type Image2D,
  type ImageEmbedding,
  type ImageGeometry,
  type MaskCandidate,
  type Prompt,
  type PromptableSegmenter,
  type PromptCapabilities,
  RefineError,
} from "@samrefine/core";
import type { PromptableManifest } from "@samrefine/models";
import type { EmbeddingCache, StoredEmbedding } from "../engine/embedding-cache.ts";
import { embeddingKey } from "../engine/embedding-key.ts";
import { requireAlive } from "../engine/lifetime.ts";
import { float32Output, type ModelSession } from "../engine/model-session.ts";
import type { RunQueue } from "../engine/run-queue.ts";
import type { OnnxRuntime } from "../engine/runtime.ts";
import { type DecoderPrompt, decoderPrompt, groupForBatching } from "./decoder-prompt.ts";
import { fillEncoderInput } from "./encoder-input.ts";
import { letterbox, type SamFrame } from "./frame.ts";
import { maskInput } from "./mask-input.ts";
import { chooseToken } from "./token-choice.ts";
import { planUpsampling, type UpsamplePlan, upsample } from "./upsample.ts";

const maskTokens = 4;
/** Bounds memory (a prompt's logits are 1 MiB, its attention several) and the time until a cancellation takes effect. */
const largestBatch = 8;

export interface SamParts {
  readonly manifest: PromptableManifest;
  readonly digest: string;
  /** Part of the cache keys: the decoder does not change an embedding. */
  readonly encoderDigest: string;
  readonly encoder: ModelSession;
  readonly decoder: ModelSession;
  readonly runtime: OnnxRuntime;
  readonly queue: RunQueue;
  readonly cache: EmbeddingCache;
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

/** SAM with the official decoder, cut to its four tokens (`cutSamDecoder`). Only this folder knows the 1024 frame. */
export class SamSegmenter implements PromptableSegmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly capabilities: PromptCapabilities = {
    box: true,
    backgroundPoints: true,
    maskInput: true,
    singleMaskToken: true,
    batch: true,
  };
  readonly #parts: SamParts;
  /** Lent to one encoder run after another; the queue lets only one be under way. */
  #encoderInput: Float32Array | undefined;
  #disposed = false;

  constructor(parts: SamParts) {
    this.#parts = parts;
    this.modelId = parts.manifest.id;
    this.digest = parts.digest;
  }

  /**
   * @returns a handle that the caller owns.
   * @throws RefineError `shape-mismatch` `inference` `out-of-memory` `disposed`.
   */
  async encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    options.signal?.throwIfAborted();
    requireAlive(this.#disposed, `The model ${this.modelId}`);
    const { cache, queue, encoderDigest, held } = this.#parts;
    const key = await embeddingKey(image, options.displayRange, encoderDigest);
    // The look-up waits its turn too: the same image may be the one that is encoded right now.
    const [stored, origin] = await queue.enqueue(async () => {
      const cached = cache.take(key);
      if (cached) return [cached, "cache"] as const;
      const encoded = await this.#runEncoder(image, options);
      cache.put(key, encoded);
      return [encoded, "encoded"] as const;
    }, options.signal);
    options.signal?.throwIfAborted();
    options.onProgress?.({ stage: "Encoding", completed: 1, total: 1, unit: "slice" });
    return new SamEmbedding(this, image.geometry, origin, stored, held);
  }

  /**
   * Prompts with the same number of tokens share a run. Masks are exactly those of the reference's two bilinear steps.
   *
   * @throws RefineError `prompt-out-of-bounds` `configuration` `shape-mismatch` `inference` `out-of-memory` `disposed`.
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
    const { manifest, queue } = this.#parts;
    const { stored } = embedding;
    const frame = letterbox(embedding.geometry, manifest.frame);
    const geometry = options.outputGeometry ?? embedding.geometry;
    const plan = planUpsampling(frame, manifest.lowRes, geometry);
    const asked = prompts.map((prompt, index) => decoderPrompt(prompt, index, frame));
    const answers: MaskCandidate[] = [];
    let completed = 0;
    for (const batch of groupForBatching(asked, largestBatch)) {
      const feeds = this.#decoderFeeds(stored, batch, frame);
      const outputs = await queue.enqueue(() => this.#parts.decoder.run(feeds), options.signal);
      options.signal?.throwIfAborted();
      for (const [index, candidate] of this.#candidates(outputs, batch, plan, geometry, options)) {
        answers[index] = candidate;
      }
      completed += batch.length;
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
      await encoder.release();
      await decoder.release();
    });
    this.#encoderInput = undefined;
  }

  async #runEncoder(image: Image2D, options: EncodeOptions): Promise<StoredEmbedding> {
    const { manifest, encoder, runtime } = this.#parts;
    const { frame: side } = manifest;
    this.#encoderInput ??= new Float32Array(3 * side * side);
    fillEncoderInput(this.#encoderInput, image, options.displayRange, letterbox(image.geometry, side), manifest);
    const input = runtime.tensor(this.#encoderInput, [1, 3, side, side]);
    const outputs = await encoder.run({ [manifest.encoder.input]: input });
    const { output } = manifest.encoder;
    const data = float32Output(outputs, output, [1, -1, -1, -1], encoder.origin);
    return { data, dims: [...outputs[output]!.dims] };
  }

  #decoderFeeds(stored: StoredEmbedding, batch: readonly DecoderPrompt[], frame: SamFrame) {
    const { manifest, runtime } = this.#parts;
    const tokens = batch[0]!.labels.length;
    const side = manifest.lowRes;
    const coordinates = new Float32Array(batch.length * tokens * 2);
    const labels = new Float32Array(batch.length * tokens);
    const masks = new Float32Array(batch.length * side * side);
    for (const [row, { coordinates: xy, labels: codes, prompt }] of batch.entries()) {
      coordinates.set(xy, row * tokens * 2);
      labels.set(codes, row * tokens);
      if (prompt.maskInput) masks.set(maskInput(prompt.maskInput, frame.image, side), row * side * side);
    }
    const hasMask = batch[0]!.prompt.maskInput ? 1 : 0;
    return {
      image_embeddings: runtime.tensor(stored.data, stored.dims),
      point_coords: runtime.tensor(coordinates, [batch.length, tokens, 2]),
      point_labels: runtime.tensor(labels, [batch.length, tokens]),
      mask_input: runtime.tensor(masks, [batch.length, 1, side, side]),
      has_mask_input: runtime.tensor(Float32Array.of(hasMask), [1]),
    };
  }

  *#candidates(
    outputs: Awaited<ReturnType<ModelSession["run"]>>,
    batch: readonly DecoderPrompt[],
    plan: UpsamplePlan,
    geometry: ImageGeometry,
    options: DecodeOptions,
  ): Generator<readonly [index: number, candidate: MaskCandidate]> {
    const { manifest, decoder } = this.#parts;
    const side = manifest.lowRes;
    const size = side * side;
    const masks = float32Output(outputs, "low_res_masks", [batch.length, maskTokens, side, side], decoder.origin);
    const ious = float32Output(outputs, "iou_predictions", [batch.length, maskTokens], decoder.origin);
    for (const [row, { index, prompt }] of batch.entries()) {
      const claims = ious.subarray(row * maskTokens, (row + 1) * maskTokens);
      const token = chooseToken(options.maskChoice ?? "auto", prompt, claims);
      const start = (row * maskTokens + token) * size;
      const data = masks.slice(start, start + size);
      const { mask, logits } = upsample(data, plan, options.logits !== "omit");
      yield [
        index,
        {
          mask: { geometry, data: mask },
          logits,
          lowResLogits: { width: side, height: side, data },
          predictedIou: claims[token]!,
          token,
        },
      ];
    }
  }
}
