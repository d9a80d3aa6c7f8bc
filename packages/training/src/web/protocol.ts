import type { RefineErrorCode, RefineErrorDetails } from "@samrefine/core";
import type { WasmPaths } from "@samrefine/inference";
import type { WebgpuSessionsOptions } from "@samrefine/inference/web";
import type { TrainingConfiguration } from "../run/configuration.ts";
import type { StepReport, TrainingResult } from "../run/train.ts";
import type { LoadedDataset } from "./loaded-dataset.ts";

/** A training run in the browser, as plain values. */
export interface BrowserRun {
  /** Names the run's checkpoint; a run of the same name and configuration can be resumed after a reload. */
  readonly runId: string;
  readonly dataset: LoadedDataset;
  readonly configuration: TrainingConfiguration;
  /** Goes on from the run's checkpoint, if there is one. */
  readonly resume: boolean;
  /** Where ONNX Runtime's files lie; the bundler of the page knows. */
  readonly wasmPaths?: WasmPaths;
  readonly threads?: number;
  /**
   * Absent: WebAssembly. Present: WebGPU where there is an adapter that fits; where not, or when it fails or is lost on the
   * way, WebAssembly goes on from the last checkpoint, and the outcome's `backend` says why. The worker's script must import
   * `@samrefine/training/worker-webgpu`. `wasmPaths` in here are those of `ort-wasm-simd-threaded.asyncify.wasm` and `.mjs`.
   */
  readonly webgpu?: WebgpuSessionsOptions;
}

/** What a finished run hands over: the result without what cannot leave the worker. */
export type BrowserTrainingOutcome = Omit<TrainingResult, "network"> & { readonly networkId: string };

export type TrainingCommand =
  | { readonly kind: "start"; readonly run: BrowserRun }
  | { readonly kind: "pause" }
  | { readonly kind: "resume" }
  | { readonly kind: "cancel" };

export type TrainingEvent =
  | { readonly kind: "step"; readonly report: StepReport }
  | { readonly kind: "paused" }
  | { readonly kind: "cancelled" }
  | { readonly kind: "done"; readonly outcome: BrowserTrainingOutcome }
  | { readonly kind: "failed"; readonly failure: TrainingFailure };

export interface TrainingFailure {
  /** undefined for an error that is none of ours. */
  readonly code: RefineErrorCode | undefined;
  readonly message: string;
  readonly hint: string;
  readonly details: RefineErrorDetails;
}
