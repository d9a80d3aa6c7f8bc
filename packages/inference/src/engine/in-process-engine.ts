import { isRefineError, RefineError } from "@samrefine/core";
import {
  modelDigest,
  type PromptableManifest,
  recogniseDecoder,
  type SegmentationManifest,
  type TensorNames,
} from "@samrefine/models";
import { type EmbeddingPrecision, embeddingBytes } from "../cache/embedding.ts";
import { EmbeddingCache } from "../cache/embedding-cache.ts";
import type { StoredEmbeddings } from "../cache/stored-embeddings.ts";
import { TieredCache } from "../cache/tiered-cache.ts";
import type { BackendReport, InferenceEngine, InferenceStats, LoadOptions } from "../contract.ts";
import { decoderInterface } from "../sam/family.ts";
import { imageSide } from "../sam/interfaces/official.ts";
import { type SamEmbedding, SamSegmenter } from "../sam/sam-segmenter.ts";
import { UnetSegmenter } from "../unet/unet-segmenter.ts";
import { requireAlive } from "./lifetime.ts";
import { type ReadFile, readModelFile } from "./model-files.ts";
import { type ExpectedTensors, ModelSession, type RunMeter } from "./model-session.ts";
import { RunQueue } from "./run-queue.ts";
import type { OnnxRuntime } from "./runtime.ts";

export const defaultCacheBytes = 64 * 2 ** 20;

export interface InProcessEngineOptions {
  readonly runtime: OnnxRuntime;
  readonly readFile: ReadFile;
  readonly cacheBytes?: number | undefined;
  /** Where embeddings outlive the engine; default nowhere. */
  readonly stored?: StoredEmbeddings | undefined;
  /** Default "float32". */
  readonly precision?: EmbeddingPrecision | undefined;
}

interface LoadedModel {
  readonly sessions: number;
  dispose(): Promise<void>;
}

/** The engine itself, in the thread that it is made in: a worker's in the browser, the only one in Node. */
export class InProcessEngine implements InferenceEngine {
  readonly backend: BackendReport;
  readonly #runtime: OnnxRuntime;
  readonly #readFile: ReadFile;
  readonly #queue = new RunQueue();
  readonly #cache: TieredCache;
  readonly #precision: EmbeddingPrecision;
  readonly #meter: RunMeter = { unet: 0, encoder: 0, decoder: 0, encoderInput: 0 };
  readonly #models = new Set<LoadedModel>();
  readonly #held = new Set<SamEmbedding>();
  #disposed = false;

  constructor(options: InProcessEngineOptions) {
    this.#runtime = options.runtime;
    this.#readFile = options.readFile;
    this.#cache = new TieredCache(new EmbeddingCache(options.cacheBytes ?? defaultCacheBytes), options.stored);
    this.#precision = options.precision ?? "float32";
    this.backend = options.runtime.backend;
  }

  async loadSegmenter(
    manifest: SegmentationManifest,
    manifestUrl: string,
    options: LoadOptions = {},
  ): Promise<UnetSegmenter> {
    this.#begin(options);
    const { bytes, origin } = await readModelFile(manifest.files, "model", manifestUrl, this.#readFile, options);
    const { input, output } = manifest.tensors;
    const session = await this.#session(
      { model: bytes, role: "unet", origin, expected: () => ({ inputs: [input], outputs: [output] }) },
      options,
    );
    const segmenter = new UnetSegmenter({
      manifest,
      digest: await modelDigest(manifest),
      session,
      runtime: this.#runtime,
      queue: this.#queue,
      onDispose: () => this.#models.delete(entry),
    });
    const entry: LoadedModel = { sessions: 1, dispose: () => segmenter.dispose() };
    this.#models.add(entry);
    return segmenter;
  }

  async loadPromptable(
    manifest: PromptableManifest,
    manifestUrl: string,
    options: LoadOptions = {},
  ): Promise<SamSegmenter> {
    this.#begin(options);
    const encoderFile = await readModelFile(manifest.files, "encoder", manifestUrl, this.#readFile, options);
    const decoderFile = await readModelFile(manifest.files, "decoder", manifestUrl, this.#readFile, options);
    const decoderModel =
      manifest.family === "sam-official" ? await cutDecoder(decoderFile.bytes, decoderFile.origin) : decoderFile.bytes;
    const encoder = await this.#session(
      {
        ...encoderFile,
        model: encoderFile.bytes,
        role: "encoder",
        expected: () => {
          // What a family's encoder is called does not depend on its decoder's variant.
          const { encoderInput, embedding } = decoderInterface(manifest, { inputs: [], outputs: [] });
          return { inputs: [encoderInput], outputs: Object.keys(embedding) };
        },
      },
      options,
    );
    let decoder: ModelSession;
    try {
      decoder = await this.#session(
        {
          ...decoderFile,
          model: decoderModel,
          role: "decoder",
          deviceOutputs: imageSide.map(({ output }) => output),
          expected: (found) => expectedOfDecoder(manifest, found),
        },
        options,
      );
    } catch (error) {
      await encoder.release();
      throw error;
    }
    const segmenter = new SamSegmenter({
      manifest,
      digest: await modelDigest(manifest),
      encoderDigest: manifest.files.find((file) => file.role === "encoder")!.sha256,
      encoder,
      decoder,
      decoderInterface: decoderInterface(manifest, decoder.tensorNames),
      runtime: this.#runtime,
      meter: this.#meter,
      queue: this.#queue,
      cache: this.#cache,
      precision: this.#precision,
      held: this.#held,
      onDispose: () => this.#models.delete(entry),
    });
    const entry: LoadedModel = { sessions: 2, dispose: () => segmenter.dispose() };
    this.#models.add(entry);
    return segmenter;
  }

  async stats(): Promise<InferenceStats> {
    const alive = new Set(this.#cache.memory.values());
    for (const handle of this.#held) alive.add(handle.stored);
    let bytes = 0;
    for (const embedding of alive) bytes += embeddingBytes(embedding);
    const cache = await this.#cache.stats();
    // A miss in memory that storage answered.
    const storedHits = cache.stored?.hits ?? 0;
    const { encoderInput, ...runMs } = this.#meter;
    let sessions = 0;
    for (const model of this.#models) sessions += model.sessions;
    return {
      sessions,
      embeddings: alive.size,
      embeddingBytes: bytes,
      cacheHits: cache.memory.hits + storedHits,
      cacheMisses: cache.memory.misses - storedHits,
      cache,
      runMs,
      encoderInputMs: encoderInput,
    };
  }

  async clearCache(): Promise<void> {
    await this.#cache.clear();
  }

  /** Disposes every model and embedding that is still alive. */
  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#cache.dispose();
    await Promise.all([...this.#models].map((model) => model.dispose()));
  }

  #begin(options: LoadOptions): void {
    options.signal?.throwIfAborted();
    requireAlive(this.#disposed, "The inference engine");
  }

  /** Sessions are made in the queue too: a session being optimised and a run at once would double the peak of memory. */
  async #session(
    options: Omit<Parameters<typeof ModelSession.create>[0], "runtime" | "meter">,
    { signal }: LoadOptions,
  ): Promise<ModelSession> {
    const session = await this.#queue.enqueue(
      () => ModelSession.create({ ...options, runtime: this.#runtime, meter: this.#meter }),
      signal,
    );
    if (!signal?.aborted && !this.#disposed) return session;
    await session.release();
    signal?.throwIfAborted();
    throw new RefineError("disposed", "The inference engine was disposed while a model was loading.", {});
  }
}

function expectedOfDecoder(manifest: PromptableManifest, found: TensorNames): ExpectedTensors {
  const { embedding, inputs, optionalInputs, outputs } = decoderInterface(manifest, found);
  const recognised = recogniseDecoder(found);
  return {
    inputs: [...Object.values(embedding), ...inputs],
    optionalInputs,
    outputs,
    hint:
      recognised && recognised !== manifest.family
        ? `These are the tensors of the family "${recognised}"; the manifest says "${manifest.family}".`
        : undefined,
  };
}

/** The graph editor and its protobuf codec are only loaded by those who bring an uncut decoder. */
async function cutDecoder(bytes: Uint8Array, origin: string): Promise<Uint8Array> {
  const { absorbProjections, cutSamDecoder } = await import("@samrefine/models/onnx");
  const cut = cutSamDecoder(bytes, origin);
  try {
    return absorbProjections(cut, origin);
  } catch (error) {
    // Written otherwise than the official exporter does: right as it is, only slower.
    if (isRefineError(error, "model-manifest")) return cut;
    throw error;
  }
}
