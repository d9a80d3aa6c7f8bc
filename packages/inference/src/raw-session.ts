import type { Releasable } from "@samrefine/core";

/** A float32 tensor at the edge of a session; `data.length` is the product of `dims`. */
export interface RawTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** One ONNX graph with float32 inputs and outputs, for callers that bring their own (a training step). */
export interface RawSession extends Releasable {
  /** What runs and, after a fallback, why. */
  readonly backend: { readonly provider: "cpu" | "webgpu" | "wasm"; readonly description: string };
  /** Every input by name in, every output by name out. The outputs belong to the caller and may be fed to the next run. */
  run(feeds: Readonly<Record<string, RawTensor>>): Promise<Readonly<Record<string, RawTensor>>>;
}

export interface RawSessionOptions {
  /** Default 1. A run is bitwise repeatable at a fixed number of threads. */
  readonly threads?: number;
  /** Default "cpu". A provider that is not there falls back to the CPU and says so in `backend`. */
  readonly provider?: "cpu" | "webgpu" | "wasm";
}

/** Makes a session from the bytes of an ONNX file. */
export type RawSessionFactory = (bytes: Uint8Array, options?: RawSessionOptions) => Promise<RawSession>;
