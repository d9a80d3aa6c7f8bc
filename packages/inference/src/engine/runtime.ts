import type { Tensor } from "onnxruntime-common";
import type { BackendReport } from "../contract.ts";

/** The class says the tensor's type: float32, int64 or int32. */
export type TensorData = Float32Array | BigInt64Array | Int32Array;

export function tensorTypeOf(data: TensorData): "float32" | "int64" | "int32" {
  if (data instanceof Float32Array) return "float32";
  return data instanceof Int32Array ? "int32" : "int64";
}

/** The part of an onnxruntime session that is used, the same in onnxruntime-node and onnxruntime-web. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** What a caller may say about one session. */
export interface SessionSettings {
  /**
   * Whether the runtime lays out the buffers of all further runs in one block, as it saw them in the first. Default true. It
   * then holds that block beside the buffers of the first run.
   */
  readonly plansMemory?: boolean;
  /**
   * Outputs that stay on the device where the provider has one, to be fed again. Default none; names that the model lacks are
   * passed over.
   */
  readonly deviceOutputs?: readonly string[];
}

/** ONNX Runtime with its provider chosen. The engine and the adapters know nothing more of it. */
export interface OnnxRuntime {
  readonly backend: BackendReport;
  /**
   * Whether it prepares its kernels anew for every shape of the inputs (WebGPU). Lists of tokens are then filled up to a few
   * lengths, where the decoder can tell what fills them.
   */
  readonly preparesPerShape: boolean;
  /** Rejects when the device is lost, after which runs may never end; absent where no device can be lost. */
  readonly lost?: Promise<never>;
  createSession(model: Uint8Array, settings?: SessionSettings): Promise<OnnxSession>;
  /** The tensor borrows `data` until the run that it is fed to has ended. */
  tensor(data: TensorData, dims: readonly number[]): Tensor;
}
