import type {
  DecodeOptions,
  DisplayRange,
  Image2D,
  ImageGeometry,
  IntensityTransform,
  MaskCandidate,
  MaskChoice,
  Prompt,
  PromptCapabilities,
  SegmentStack,
  SegmentValues,
  TestTimeAugmentation,
} from "@samrefine/core";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import type { EmbeddingPrecision } from "../cache/embedding.ts";
import type { BackendReport, InferenceStats } from "../contract.ts";
import type { WasmPaths } from "../web-runtime.ts";
import type { TaskLink } from "./task-link.ts";

/** Raised with every change of {@link WorkerApi}: a page and a worker from different builds must not talk. */
export const protocolVersion = 3;

export interface WorkerConfiguration {
  readonly wasmPaths?: WasmPaths | undefined;
  readonly threads?: number | undefined;
  /** Default "wasm". Only the script of `@samrefine/inference/worker-webgpu` knows both. */
  readonly provider?: "wasm" | "webgpu" | undefined;
  readonly cacheBytes?: number | undefined;
  readonly storedCacheBytes?: number | undefined;
  readonly storedCacheDays?: number | undefined;
  readonly embeddingPrecision?: EmbeddingPrecision | undefined;
}

export interface StartedWorker {
  readonly protocol: number;
  readonly backend: BackendReport;
  /** Of {@link holdLife}. */
  readonly life: string | undefined;
}

/** Names a model or an embedding that lives in the worker. */
export type Handle = number;

export interface LoadedSegmenter {
  readonly handle: Handle;
  readonly digest: string;
}

export interface LoadedPromptable extends LoadedSegmenter {
  readonly capabilities: PromptCapabilities;
}

/**
 * What the worker does for the page. Arguments and results are plain objects and typed arrays; pixel arrays are transferred
 * and hence detached on the sending side, which makes its copy first. Each task has a link, by which
 * it is cancelled and tells how far it is.
 */
export interface WorkerApi {
  /** First call of all. */
  start(configuration: WorkerConfiguration): Promise<StartedWorker>;
  loadSegmenter(manifest: SegmentationManifest, manifestUrl: string, task: TaskLink): Promise<LoadedSegmenter>;
  loadPromptable(manifest: PromptableManifest, manifestUrl: string, task: TaskLink): Promise<LoadedPromptable>;
  segment(
    model: Handle,
    image: Image2D,
    options: {
      readonly intensity: IntensityTransform;
      readonly testTimeAugmentation?: TestTimeAugmentation | undefined;
      readonly values?: SegmentValues | undefined;
    },
    task: TaskLink,
  ): Promise<SegmentStack>;
  encode(
    model: Handle,
    image: Image2D,
    options: { readonly displayRange: DisplayRange },
    task: TaskLink,
  ): Promise<{ readonly handle: Handle; readonly origin: "encoded" | "cache" }>;
  decode(
    model: Handle,
    embedding: Handle,
    prompts: readonly Prompt[],
    options: {
      readonly maskChoice?: MaskChoice | undefined;
      readonly outputGeometry?: ImageGeometry | undefined;
      readonly logits?: DecodeOptions["logits"] | undefined;
    },
    task: TaskLink,
  ): Promise<readonly MaskCandidate[]>;
  /** Disposes a model or an embedding; a handle that is gone already is no error. */
  release(handle: Handle): Promise<void>;
  /** Ends a task by the number of its link; one that is over is no error. */
  cancel(task: number): Promise<void>;
  stats(): Promise<InferenceStats>;
  clearCache(): Promise<void>;
}
