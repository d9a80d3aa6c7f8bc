import { isRefineError, type TaskOptions } from "@samrefine/core";
import type { BackendReport } from "@samrefine/inference";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import type { RefineryClient } from "./client.ts";
import type { ModelReference } from "./contract.ts";

/**
 * Owns the worker: starts it at the first need, loads every model once, and starts over after a crash. One instance lives as
 * long as the mode is open.
 */
export class ModelLoader {
  readonly #start: () => RefineryClient;
  #client: RefineryClient | undefined;
  #loaded = new Set<string>();
  #backend: BackendReport | undefined;

  constructor(start: () => RefineryClient) {
    this.#start = start;
  }

  /** Undefined until something ran. */
  get backend(): BackendReport | undefined {
    return this.#backend;
  }

  /**
   * @returns The worker with the models in it.
   * @throws RefineError `model-fetch`, `model-integrity`, `model-manifest`, `backend-unavailable`, `worker-crashed`.
   */
  async ready(
    models: {
      readonly segmentation?: ModelReference<SegmentationManifest> | undefined;
      readonly promptable?: ModelReference<PromptableManifest> | undefined;
    },
    options: TaskOptions,
  ): Promise<RefineryClient> {
    this.#client ??= this.#start();
    const client = this.#client;
    try {
      this.#backend ??= await client.request("open", undefined, options);
      if (models.segmentation && !this.#loaded.has(models.segmentation.url)) {
        await client.request("loadSegmenter", models.segmentation, options);
        this.#loaded.add(models.segmentation.url);
      }
      if (models.promptable && !this.#loaded.has(models.promptable.url)) {
        await client.request("loadPromptable", models.promptable, options);
        this.#loaded.add(models.promptable.url);
      }
      return client;
    } catch (error) {
      await this.forgetCrashed(error);
      throw error;
    }
  }

  /** After a crash the next {@link ready} starts a new worker. */
  async forgetCrashed(error: unknown): Promise<void> {
    if (isRefineError(error, "worker-crashed") || isRefineError(error, "out-of-memory")) await this.dispose();
  }

  async dispose(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#loaded = new Set();
    await client?.dispose();
  }
}
