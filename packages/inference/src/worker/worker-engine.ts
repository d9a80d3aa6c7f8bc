import {
  type DecodeOptions,
  type EncodeOptions,
  type Image2D,
  type ImageEmbedding,
  type ImageGeometry,
  isRefineError,
  type Logger,
  type MaskCandidate,
  type PixelArray,
  type Prompt,
  type PromptableSegmenter,
  type PromptCapabilities,
  RefineError,
  type Segmenter,
  type SegmentStack,
  type SegmentTaskOptions,
  type TaskOptions,
} from "@samrefine/core";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import { transfer } from "comlink";
import type { EmbeddingPrecision } from "../cache/embedding.ts";
import type { BackendReport, InferenceEngine, InferenceStats, LoadOptions } from "../contract.ts";
import { requireAlive } from "../engine/lifetime.ts";
import type { WasmPaths } from "../web-runtime.ts";
import type { Handle, LoadedPromptable, LoadedSegmenter } from "./protocol.ts";
import { TaskLink } from "./task-link.ts";
import { WorkerConnection, type WorkerLike } from "./worker-connection.ts";

export interface WorkerEngineOptions {
  /**
   * Makes a module worker whose script imports `@samrefine/inference/worker`, e.g.
   * `() => new Worker(new URL("./engine.worker.ts", import.meta.url), { type: "module" })`. Called again after a crash.
   */
  readonly createWorker: () => WorkerLike;
  /** Where onnxruntime-web's wasm and mjs are served; give both, as absolute URLs. */
  readonly wasmPaths?: WasmPaths | undefined;
  /** Default: one per core, at most 8; always 1 on a page without cross-origin isolation. */
  readonly threads?: number | undefined;
  /** Default "wasm". WebGPU needs a script that imports `@samrefine/inference/worker-webgpu`. */
  readonly provider?: "wasm" | "webgpu" | undefined;
  /** Bound of the embedding cache in bytes, default 64 MiB (32 embeddings of SAM as half floats); 0 keeps none. */
  readonly cacheBytes?: number | undefined;
  /**
   * Bound in bytes of the embeddings that the browser keeps in the origin's private file system beyond this page; a study
   * that is opened again is then not encoded again. Default 256 MiB; 0 keeps none. Their names are content hashes;
   * {@link InferenceEngine.clearCache} deletes them.
   */
  readonly storedCacheBytes?: number | undefined;
  /** Days until a stored embedding is deleted, default 7. */
  readonly storedCacheDays?: number | undefined;
  /** Default "float16"; what an engine decodes does not depend on whether the cache was hit. */
  readonly embeddingPrecision?: EmbeddingPrecision | undefined;
  readonly logger?: Logger | undefined;
}

const defaultStoredCacheBytes = 256 * 2 ** 20;

/**
 * The engine in a worker of its own, so that the page stays usable. When the worker is lost, the calls under way reject
 * with `worker-crashed`; the next call makes a new worker and loads again what it needs. Embeddings of a lost worker are
 * gone: encode again.
 *
 * @throws RefineError `worker-crashed` `backend-unavailable` `configuration`.
 */
export async function createWorkerEngine(options: WorkerEngineOptions): Promise<InferenceEngine> {
  const engine = new WorkerEngine(options);
  await engine.connect();
  return engine;
}

class WorkerEngine implements InferenceEngine {
  readonly #options: WorkerEngineOptions;
  #connection: Promise<WorkerConnection> | undefined;
  #current: WorkerConnection | undefined;
  #backend: BackendReport | undefined;
  #disposed = false;

  constructor(options: WorkerEngineOptions) {
    this.#options = options;
  }

  get backend(): BackendReport {
    // Set by the first connection, which the factory awaits.
    return this.#backend!;
  }

  /** The living connection, or a new one. */
  async connect(): Promise<WorkerConnection> {
    requireAlive(this.#disposed, "The inference engine");
    if (this.#current?.isLost) {
      this.#options.logger?.warn("The inference worker was lost; starting a new one.");
      this.#current = undefined;
      this.#connection = undefined;
    }
    this.#connection ??= this.#open();
    return this.#connection;
  }

  /** The worker that is alive now, if any; unlike {@link connect} it makes none. */
  get living(): WorkerConnection | undefined {
    return this.#disposed || this.#current?.isLost ? undefined : this.#current;
  }

  async #open(): Promise<WorkerConnection> {
    const { createWorker, logger: _, storedCacheBytes = defaultStoredCacheBytes, ...others } = this.#options;
    try {
      const connection = await WorkerConnection.open(createWorker, { ...others, storedCacheBytes });
      this.#current = connection;
      this.#backend = connection.backend;
      this.#options.logger?.debug(`Inference worker ready: ${connection.backend.description}`);
      return connection;
    } catch (error) {
      this.#connection = undefined;
      throw error;
    }
  }

  /**
   * One call into the worker with the caller's signal and progress.
   * @param discard gives back what the worker made when the caller cancelled at the last moment.
   */
  async call<T>(
    options: TaskOptions,
    run: (connection: WorkerConnection, link: TaskLink) => Promise<T>,
    discard?: (connection: WorkerConnection, result: T) => Promise<unknown>,
  ): Promise<T> {
    options.signal?.throwIfAborted();
    const connection = await this.connect();
    const link = new TaskLink(options, (task) => void connection.remote.cancel(task));
    try {
      const result = await Promise.race([run(connection, link), connection.lost]);
      if (link.ended) await Promise.race([link.ended, connection.lost]);
      if (options.signal?.aborted) await discard?.(connection, result);
      options.signal?.throwIfAborted();
      return result;
    } catch (error) {
      // WebAssembly memory that ran out stays broken: the next call gets a fresh worker.
      if (isRefineError(error, "out-of-memory")) connection.abandon(error);
      if (options.signal?.aborted) throw options.signal.reason;
      throw error;
    } finally {
      link.close();
    }
  }

  async loadSegmenter(
    manifest: SegmentationManifest,
    manifestUrl: string,
    options: LoadOptions = {},
  ): Promise<Segmenter> {
    const url = absoluteUrl(manifestUrl);
    const model = new RemoteModel<LoadedSegmenter>(this, `The U-Net ${manifest.id}`, (connection, link) =>
      connection.remote.loadSegmenter(manifest, url, link),
    );
    return new RemoteSegmenter(this, model, manifest.id, await model.load(options));
  }

  async loadPromptable(
    manifest: PromptableManifest,
    manifestUrl: string,
    options: LoadOptions = {},
  ): Promise<PromptableSegmenter> {
    const url = absoluteUrl(manifestUrl);
    const model = new RemoteModel<LoadedPromptable>(this, `The model ${manifest.id}`, (connection, link) =>
      connection.remote.loadPromptable(manifest, url, link),
    );
    return new RemotePromptable(this, model, manifest.id, await model.load(options));
  }

  async stats(): Promise<InferenceStats> {
    const connection = await this.connect();
    return Promise.race([connection.remote.stats(), connection.lost]);
  }

  async clearCache(): Promise<void> {
    const connection = await this.connect();
    await Promise.race([connection.remote.clearCache(), connection.lost]);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    const connection = await this.#connection?.catch(() => undefined);
    // The worker goes with all that it holds; nothing of it has to be released one by one.
    connection?.abandon(
      new RefineError("disposed", "The inference engine was disposed while a call was under way.", {
        hint: "Dispose the engine after its last call.",
      }),
    );
  }
}

/** A model as the page knows it: loaded again, unasked, into each worker that follows a crash. */
class RemoteModel<L extends LoadedSegmenter> {
  readonly #engine: WorkerEngine;
  readonly #what: string;
  readonly #load: (connection: WorkerConnection, link: TaskLink) => Promise<L>;
  readonly #loaded = new WeakMap<WorkerConnection, Promise<L>>();
  #disposed = false;

  constructor(engine: WorkerEngine, what: string, load: (connection: WorkerConnection, link: TaskLink) => Promise<L>) {
    this.#engine = engine;
    this.#what = what;
    this.#load = load;
  }

  async load(options: LoadOptions): Promise<L> {
    return this.#engine.call(
      options,
      async (connection, link) => {
        const loaded = this.#load(connection, link);
        this.#loaded.set(connection, loaded);
        return loaded;
      },
      (connection, loaded) => connection.remote.release(loaded.handle),
    );
  }

  /** The model's handle in this very worker. */
  async in(connection: WorkerConnection): Promise<Handle> {
    this.requireAlive();
    let loaded = this.#loaded.get(connection);
    if (!loaded) {
      const link = new TaskLink({}, () => {});
      loaded = this.#load(connection, link).finally(() => link.close());
      this.#loaded.set(connection, loaded);
      // A reload that fails is tried again by the next call.
      loaded.catch(() => this.#loaded.delete(connection));
    }
    return (await loaded).handle;
  }

  requireAlive(): void {
    requireAlive(this.#disposed, this.#what);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await releaseQuietly(this.#engine, async (connection) => {
      // A load that failed has left nothing to release.
      const loaded = await this.#loaded.get(connection)?.catch(() => undefined);
      return loaded?.handle;
    });
  }
}

class RemoteSegmenter implements Segmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly #engine: WorkerEngine;
  readonly #model: RemoteModel<LoadedSegmenter>;

  constructor(engine: WorkerEngine, model: RemoteModel<LoadedSegmenter>, modelId: string, loaded: LoadedSegmenter) {
    this.#engine = engine;
    this.#model = model;
    this.modelId = modelId;
    this.digest = loaded.digest;
  }

  async segment(image: Image2D, options: SegmentTaskOptions): Promise<SegmentStack> {
    this.#model.requireAlive();
    const { intensity, testTimeAugmentation, values } = options;
    return this.#engine.call(options, async (connection, link) => {
      const model = await this.#model.in(connection);
      return connection.remote.segment(model, imageToSend(image), { intensity, testTimeAugmentation, values }, link);
    });
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }
}

class RemotePromptable implements PromptableSegmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly capabilities: PromptCapabilities;
  readonly #engine: WorkerEngine;
  readonly #model: RemoteModel<LoadedPromptable>;

  constructor(engine: WorkerEngine, model: RemoteModel<LoadedPromptable>, modelId: string, loaded: LoadedPromptable) {
    this.#engine = engine;
    this.#model = model;
    this.modelId = modelId;
    this.digest = loaded.digest;
    this.capabilities = loaded.capabilities;
  }

  async encode(image: Image2D, options: EncodeOptions): Promise<ImageEmbedding> {
    this.#model.requireAlive();
    const { displayRange } = options;
    return this.#engine.call(
      options,
      async (connection, link) => {
        const model = await this.#model.in(connection);
        const { handle, origin } = await connection.remote.encode(model, imageToSend(image), { displayRange }, link);
        return new RemoteEmbedding(this.#engine, connection, handle, image.geometry, origin);
      },
      (_, embedding) => embedding.dispose(),
    );
  }

  async decode(
    embedding: ImageEmbedding,
    prompts: readonly Prompt[],
    options: DecodeOptions = {},
  ): Promise<readonly MaskCandidate[]> {
    this.#model.requireAlive();
    if (!(embedding instanceof RemoteEmbedding)) {
      throw new RefineError("configuration", `The embedding was not made by the model ${this.modelId}.`, {
        hint: "Encode the image with the same model that decodes.",
      });
    }
    const { maskChoice, outputGeometry, logits } = options;
    return this.#engine.call(options, async (connection, link) => {
      const handle = embedding.in(connection);
      const model = await this.#model.in(connection);
      const settings = { maskChoice, outputGeometry, logits };
      return connection.remote.decode(model, handle, prompts.map(promptToSend), settings, link);
    });
  }

  dispose(): Promise<void> {
    return this.#model.dispose();
  }
}

class RemoteEmbedding implements ImageEmbedding {
  readonly geometry: ImageGeometry;
  readonly origin: "encoded" | "cache";
  readonly #engine: WorkerEngine;
  readonly #connection: WorkerConnection;
  readonly #handle: Handle;
  #disposed = false;

  constructor(
    engine: WorkerEngine,
    connection: WorkerConnection,
    handle: Handle,
    geometry: ImageGeometry,
    origin: "encoded" | "cache",
  ) {
    this.#engine = engine;
    this.#connection = connection;
    this.#handle = handle;
    this.geometry = geometry;
    this.origin = origin;
  }

  /** @throws RefineError `disposed`, `worker-crashed` when the worker that held it is gone. */
  in(connection: WorkerConnection): Handle {
    requireAlive(this.#disposed, "The image embedding");
    if (connection === this.#connection) return this.#handle;
    throw new RefineError("worker-crashed", "The image embedding went with the worker that held it.", {
      hint: "Encode the image again; the models are loaded again by themselves.",
    });
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await releaseQuietly(this.#engine, async (connection) =>
      connection === this.#connection ? this.#handle : undefined,
    );
  }
}

/** What a lost worker or a disposed engine held is gone already: there is nothing left to release, and no error. */
async function releaseQuietly(
  engine: WorkerEngine,
  handleIn: (connection: WorkerConnection) => Promise<Handle | undefined>,
): Promise<void> {
  const connection = engine.living;
  if (!connection) return;
  try {
    const handle = await Promise.race([handleIn(connection), connection.lost]);
    if (handle !== undefined) await Promise.race([connection.remote.release(handle), connection.lost]);
  } catch (error) {
    if (!connection.isLost) throw error;
  }
}

/** The caller keeps its pixels: a copy is made and its buffer moves. A copy of shared memory is not shared. */
function imageToSend(image: Image2D): Image2D {
  const data: PixelArray = image.data.slice();
  const { columns, rows } = image.geometry;
  return transfer({ geometry: { ...image.geometry, columns, rows }, channels: image.channels, data }, [
    data.buffer as ArrayBuffer,
  ]);
}

/** Logits that are a view would drag their whole buffer along. */
function promptToSend(prompt: Prompt): Prompt {
  const { maskInput } = prompt;
  return maskInput ? { ...prompt, maskInput: { ...maskInput, data: maskInput.data.slice() } } : prompt;
}

/** The worker resolves relative URLs against its own script, the page means its own address. */
function absoluteUrl(url: string): string {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  return base ? new URL(url, base).href : url;
}
