import { isRefineError, type TaskOptions } from "@samrefine/core";
import type { BackendChoice, BackendReport } from "@samrefine/inference";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import {
  type BackendPreference,
  mustMove,
  readBackendPreference,
  writeBackendPreference,
} from "./backend-preference.ts";
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
  #choices: readonly BackendChoice[] = [];

  constructor(start: () => RefineryClient) {
    this.#start = start;
  }

  /** Of WebAssembly, on which everything begins; undefined until something ran. */
  get backend(): BackendReport | undefined {
    return this.#backend;
  }

  /** Which back end runs each model, as of the last use. */
  get choices(): readonly BackendChoice[] {
    return this.#choices;
  }

  has(model: ModelReference<SegmentationManifest | PromptableManifest> | undefined): boolean {
    return model !== undefined && this.#loaded.has(model.url);
  }

  get preference(): BackendPreference {
    return readBackendPreference();
  }

  /**
   * Keeps the preference for this and later visits, and moves what is loaded.
   * @throws RefineError `backend-unavailable` and others when a model cannot run there; the preference is then automatic.
   */
  async choose(preference: BackendPreference, options: TaskOptions): Promise<void> {
    writeBackendPreference(preference);
    const client = await this.ready({}, options);
    try {
      this.#choices = await client.request("chooseBackend", preference, options);
    } catch (error) {
      writeBackendPreference("automatic");
      throw error;
    }
  }

  /** Renews {@link choices}: a model moves by itself when it proved faster elsewhere. */
  async #refreshChoices(client: RefineryClient, options: TaskOptions): Promise<void> {
    this.#choices = await client.request("choices", undefined, options);
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
      const known = this.#loaded.size;
      if (models.segmentation && !this.#loaded.has(models.segmentation.url)) {
        await client.request("loadSegmenter", models.segmentation, options);
        this.#loaded.add(models.segmentation.url);
      }
      if (models.promptable && !this.#loaded.has(models.promptable.url)) {
        await client.request("loadPromptable", models.promptable, options);
        this.#loaded.add(models.promptable.url);
      }
      const refreshing = this.#refreshChoices(client, options);
      // Nobody waits for it when all is loaded: the answer would come behind what a click lets the host draw. A worker that is
      // lost fails what is asked of it next.
      if (this.#loaded.size > known) await refreshing;
      else refreshing.catch(() => {});
      if (mustMove(this.preference, this.#choices)) await this.#follow(client, options);
      return client;
    } catch (error) {
      await this.forgetCrashed(error);
      throw error;
    }
  }

  /** What was wanted on an earlier visit may not be there any more: the models then stay where they run. */
  async #follow(client: RefineryClient, options: TaskOptions): Promise<void> {
    try {
      this.#choices = await client.request("chooseBackend", this.preference, options);
    } catch (error) {
      if (!isRefineError(error, "backend-unavailable")) throw error;
      writeBackendPreference("automatic");
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
    this.#choices = [];
    await client?.dispose();
  }
}
