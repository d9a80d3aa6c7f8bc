import {
  type ImageEmbedding,
  type PromptableSegmenter,
  RefineError,
  type Releasable,
  type Segmenter,
  type TaskOptions,
} from "@samrefine/core";
import { transfer } from "comlink";
import type { InferenceEngine } from "../contract.ts";
import { type Handle, protocolVersion, type WorkerApi, type WorkerConfiguration } from "./protocol.ts";
import type { RemoteTask, TaskLink } from "./task-link.ts";
import { holdLife } from "./worker-life.ts";

/** {@link WorkerApi} over an engine in this thread. Models and embeddings stay here; numbers stand for them outside. */
export class WorkerServer implements WorkerApi {
  readonly #createEngine: (configuration: WorkerConfiguration) => Promise<InferenceEngine>;
  readonly #segmenters = new Map<Handle, Segmenter>();
  readonly #promptables = new Map<Handle, PromptableSegmenter>();
  readonly #embeddings = new Map<Handle, ImageEmbedding>();
  readonly #tasks = new Map<number, RemoteTask>();
  #engine: InferenceEngine | undefined;
  #nextHandle = 1;

  constructor(createEngine: (configuration: WorkerConfiguration) => Promise<InferenceEngine>) {
    this.#createEngine = createEngine;
  }

  async start(configuration: WorkerConfiguration): ReturnType<WorkerApi["start"]> {
    this.#engine ??= await this.#createEngine(configuration);
    return { protocol: protocolVersion, backend: this.#engine.backend, life: await holdLife() };
  }

  loadSegmenter(
    ...[manifest, url, task]: Parameters<WorkerApi["loadSegmenter"]>
  ): ReturnType<WorkerApi["loadSegmenter"]> {
    return this.#run(task, async (options) => {
      const segmenter = await this.#started().loadSegmenter(manifest, url, options);
      return { handle: this.#keep(this.#segmenters, segmenter), digest: segmenter.digest };
    });
  }

  loadPromptable(
    ...[manifest, url, task]: Parameters<WorkerApi["loadPromptable"]>
  ): ReturnType<WorkerApi["loadPromptable"]> {
    return this.#run(task, async (options) => {
      const segmenter = await this.#started().loadPromptable(manifest, url, options);
      const { digest, capabilities } = segmenter;
      return { handle: this.#keep(this.#promptables, segmenter), digest, capabilities };
    });
  }

  segment(...[model, image, settings, task]: Parameters<WorkerApi["segment"]>): ReturnType<WorkerApi["segment"]> {
    return this.#run(task, async (options) => {
      const { testTimeAugmentation = "none", values = "probabilities", intensity } = settings;
      const segmenter = this.#find(this.#segmenters, model);
      const stack = await segmenter.segment(image, { ...options, intensity, testTimeAugmentation, values });
      const arrays = stack.segments.flatMap(({ mask, probability, logits }) => [
        mask.data,
        ...(probability ? [probability] : []),
        ...(logits ? [logits] : []),
      ]);
      return transfer(stack, buffersOf(arrays));
    });
  }

  encode(...[model, image, settings, task]: Parameters<WorkerApi["encode"]>): ReturnType<WorkerApi["encode"]> {
    return this.#run(task, async (options) => {
      const embedding = await this.#find(this.#promptables, model).encode(image, { ...options, ...settings });
      return { handle: this.#keep(this.#embeddings, embedding), origin: embedding.origin };
    });
  }

  decode(
    ...[model, handle, prompts, settings, task]: Parameters<WorkerApi["decode"]>
  ): ReturnType<WorkerApi["decode"]> {
    return this.#run(task, async (options) => {
      const { maskChoice, outputGeometry, logits } = settings;
      const embedding = this.#find(this.#embeddings, handle);
      const candidates = await this.#find(this.#promptables, model).decode(embedding, prompts, {
        ...options,
        ...(maskChoice ? { maskChoice } : {}),
        ...(outputGeometry ? { outputGeometry } : {}),
        ...(logits ? { logits } : {}),
      });
      const arrays = candidates.flatMap((candidate) => [
        candidate.mask.data,
        candidate.logits.data,
        candidate.lowResLogits.data,
      ]);
      return transfer(candidates, buffersOf(arrays));
    });
  }

  async release(handle: Handle): Promise<void> {
    for (const map of [this.#embeddings, this.#segmenters, this.#promptables] as Map<Handle, Releasable>[]) {
      const found = map.get(handle);
      map.delete(handle);
      await found?.dispose();
    }
  }

  async cancel(task: number): Promise<void> {
    this.#tasks.get(task)?.abort();
  }

  stats(): ReturnType<WorkerApi["stats"]> {
    return this.#started().stats();
  }

  clearCache(): Promise<void> {
    return this.#started().clearCache();
  }

  /** comlink's handler has made a {@link RemoteTask} of the link that was sent. */
  async #run<T>(task: TaskLink | RemoteTask, work: (options: TaskOptions) => Promise<T>): Promise<T> {
    const remote = task as RemoteTask;
    this.#tasks.set(remote.id, remote);
    try {
      return await work(remote.options);
    } finally {
      this.#tasks.delete(remote.id);
      remote.end();
    }
  }

  #started(): InferenceEngine {
    if (this.#engine) return this.#engine;
    throw new RefineError("configuration", "The inference worker was called before it was started.", {
      hint: "Create the engine with createWorkerEngine.",
    });
  }

  #keep<T>(map: Map<Handle, T>, value: T): Handle {
    const handle = this.#nextHandle++;
    map.set(handle, value);
    return handle;
  }

  #find<T>(map: ReadonlyMap<Handle, T>, handle: Handle): T {
    const found = map.get(handle);
    if (found) return found;
    throw new RefineError("disposed", `The inference worker holds nothing under the handle ${handle}.`, {
      hint: "Dispose a model or an embedding only after its last use.",
      details: { handle },
    });
  }
}

/** Each array of a result owns its buffer; empty ones share none and need no transfer. */
function buffersOf(arrays: readonly (Uint8Array | Float32Array)[]): Transferable[] {
  return [...new Set(arrays.filter((array) => array.length > 0).map((array) => array.buffer as ArrayBuffer))];
}
