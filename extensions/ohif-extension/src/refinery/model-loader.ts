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

export interface NeededModels {
  readonly segmentation?: ModelReference<SegmentationManifest> | undefined;
  readonly promptable?: ModelReference<PromptableManifest> | undefined;
}

/**
 * Owns the worker: starts it at the first need, loads every model once, and starts over when it was lost. One instance lives as
 * long as the mode is open.
 */
export class ModelLoader {
  readonly #start: () => RefineryClient;
  #client: RefineryClient | undefined;
  #loaded = new Set<string>();
  #backend: BackendReport | undefined;
  #choices: readonly BackendChoice[] = [];
  #last: Promise<unknown> = Promise.resolve();

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
  ready(models: NeededModels, options: TaskOptions): Promise<RefineryClient> {
    // One after the other, so that slices that met the end of the worker together load its successor's models once.
    const ready = this.#last.then(() => this.#load(models, options));
    this.#last = ready.catch(() => {});
    return ready;
  }

  async #load({ segmentation, promptable }: NeededModels, options: TaskOptions): Promise<RefineryClient> {
    if (this.#client?.isLost) await this.dispose();
    this.#client ??= this.#start();
    const client = this.#client;
    this.#backend ??= await client.request("open", undefined, options);
    const known = this.#loaded.size;
    if (segmentation && !this.#loaded.has(segmentation.url)) {
      await client.request("loadSegmenter", segmentation, options);
      this.#loaded.add(segmentation.url);
    }
    if (promptable && !this.#loaded.has(promptable.url)) {
      await client.request("loadPromptable", promptable, options);
      this.#loaded.add(promptable.url);
    }
    const refreshing = this.#refreshChoices(client, options);
    // Nobody waits for it when all is loaded: the answer would come behind what a click lets the host draw. A worker that is
    // lost fails what is asked of it next.
    if (this.#loaded.size > known) await refreshing;
    else refreshing.catch(() => {});
    if (mustMove(this.preference, this.#choices)) await this.#follow(client, options);
    return client;
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

  async dispose(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#loaded = new Set();
    this.#choices = [];
    await client?.dispose();
  }
}
