import type { Progress, PromptableSegmenter, Releasable, Segmenter, TaskOptions } from "@samrefine/core";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import type { CacheStats } from "./cache/tiered-cache.ts";
import type { GpuFacts } from "./ladder/gpu-adapter.ts";

/** What runs, and why, in words a user understands. */
export interface BackendReport {
  readonly provider: "wasm" | "webgpu" | "cpu";
  readonly threads: number;
  /** E.g. "WebAssembly, 2 threads" or "WebAssembly, 1 thread: the page is not cross-origin isolated". */
  readonly description: string;
  readonly onnxruntimeVersion: string;
  /** Of the GPU, with the provider "webgpu" in a browser. */
  readonly gpu?: GpuFacts;
}

export type { CacheStats } from "./cache/tiered-cache.ts";

export interface InferenceStats {
  readonly sessions: number;
  readonly embeddings: number;
  readonly embeddingBytes: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** The same by tier, with bounds and bytes. */
  readonly cache?: CacheStats;
  /** Milliseconds spent in `session.run` since the start, by model role, for the overhead benchmark. */
  readonly runMs: { readonly unet: number; readonly encoder: number; readonly decoder: number };
  /** Milliseconds spent in making the input of SAM's encoder from images: window, resize, standardisation. */
  readonly encoderInputMs: number;
}

export interface LoadOptions extends TaskOptions {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * The one door to ONNX Runtime. The browser build is a client of a worker, the Node build runs in process; both keep the
 * same contract. `manifestUrl` (a URL, in Node also a path) resolves the manifest's relative file URLs; every file's digest
 * is checked before a session is made.
 */
export interface InferenceEngine extends Releasable {
  readonly backend: BackendReport;
  loadSegmenter(manifest: SegmentationManifest, manifestUrl: string, options?: LoadOptions): Promise<Segmenter>;
  loadPromptable(
    manifest: PromptableManifest,
    manifestUrl: string,
    options?: LoadOptions,
  ): Promise<PromptableSegmenter>;
  stats(): Promise<InferenceStats>;
  /** Forgets all cached embeddings, those of earlier sessions too. */
  clearCache(): Promise<void>;
}
