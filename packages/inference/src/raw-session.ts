import { RefineError, type Releasable } from "@samrefine/core";
import type { BackendReport } from "./contract.ts";
import type { OnnxRuntime } from "./engine/runtime.ts";

/** A float32 tensor at the edge of a session; `data.length` is the product of `dims`. */
export interface RawTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** One ONNX graph with float32 inputs and outputs, for callers that bring their own (a training step). */
export interface RawSession extends Releasable {
  /** What runs and, after a fallback, why. */
  readonly backend: BackendReport;
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

/**
 * A session of any runtime.
 * @throws RefineError `inference` when onnxruntime refuses the graph.
 */
export async function rawSessionOf(runtime: OnnxRuntime, bytes: Uint8Array): Promise<RawSession> {
  const session = await runtime.createSession(bytes).catch((cause: unknown) => {
    throw new RefineError("inference", `ONNX Runtime could not load the graph: ${messageOf(cause)}`, { cause });
  });
  let isDisposed = false;
  return {
    backend: runtime.backend,
    async run(feeds) {
      if (isDisposed) throw new RefineError("disposed", "The session was disposed of and cannot run.");
      const inputs = Object.fromEntries(
        Object.entries(feeds).map(([name, { data, dims }]) => [name, runtime.tensor(data, dims)]),
      );
      const outputs = await session.run(inputs).catch((cause: unknown) => {
        throw new RefineError("inference", `ONNX Runtime failed to run the graph: ${messageOf(cause)}`, {
          details: { feeds: Object.entries(feeds).map(([name, { dims }]) => `${name} float32 [${dims.join(", ")}]`) },
          cause,
        });
      });
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { data, dims }]): [string, RawTensor] => [
          name,
          { data: data as Float32Array, dims },
        ]),
      );
    },
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      await session.release();
    },
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
