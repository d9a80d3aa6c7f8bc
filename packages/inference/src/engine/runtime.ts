import type { Tensor } from "onnxruntime-common";
import type { BackendReport } from "../contract.ts";

/** The part of an onnxruntime session that is used, the same in onnxruntime-node and onnxruntime-web. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** ONNX Runtime with its provider chosen. The engine and the adapters know nothing more of it. */
export interface OnnxRuntime {
  readonly backend: BackendReport;
  createSession(model: Uint8Array): Promise<OnnxSession>;
  /** The tensor borrows `data` until the run that it is fed to has ended. */
  tensor(data: Float32Array, dims: readonly number[]): Tensor;
}
