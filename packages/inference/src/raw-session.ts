import { isRefineError, RefineError, type Releasable } from "@samrefine/core";
import type { Tensor } from "onnxruntime-common";
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
  /**
   * Every input by name in, every output by name out, but for the carried ones. The outputs belong to the caller and may be
   * fed to the next run.
   * @throws RefineError `inference`, after which the carried values are as before; `backend-unavailable` when the device was
   * lost, and the carried values with it; `disposed`.
   */
  run(feeds: Readonly<Record<string, RawTensor>>): Promise<Readonly<Record<string, RawTensor>>>;
  /** Sets carried inputs; the arrays are borrowed until the next run has ended. */
  carry(values: Readonly<Record<string, RawTensor>>): void;
  /** What the next run would be fed. @throws RefineError as `run` does, and `inference` for an input that is not carried. */
  readCarried(input: string): Promise<Float32Array>;
}

export interface RawSessionOptions {
  /** Default 1. A run is bitwise repeatable at a fixed number of threads. */
  readonly threads?: number;
  /** Default "cpu". A provider that is not there falls back to the CPU and says so in `backend`. */
  readonly provider?: "cpu" | "webgpu" | "wasm";
  /**
   * Inputs that are fed by an output of the run before: input name to output name. They stay where they were computed, in a
   * browser on the GPU, and what they replace is freed.
   */
  readonly carried?: Readonly<Record<string, string>>;
  /** Bytes of the largest tensor of the graph, which a GPU must be able to bind. */
  readonly largestTensorBytes?: number;
}

/** Makes a session from the bytes of an ONNX file. */
export type RawSessionFactory = (bytes: Uint8Array, options?: RawSessionOptions) => Promise<RawSession>;

/**
 * A session of any runtime.
 * @throws RefineError `inference` when onnxruntime refuses the graph.
 */
export async function rawSessionOf(
  runtime: OnnxRuntime,
  bytes: Uint8Array,
  { carried = {} }: Pick<RawSessionOptions, "carried"> = {},
): Promise<RawSession> {
  // Planned memory makes a training step twice as large, and not faster.
  const settings = { plansMemory: false, deviceOutputs: Object.values(carried) };
  const session = await runtime.createSession(bytes, settings).catch((cause: unknown) => {
    throw new RefineError("inference", `ONNX Runtime could not load the graph: ${messageOf(cause)}`, { cause });
  });
  const carriedOutputs = new Set(Object.values(carried));
  let state: Readonly<Record<string, Tensor>> = {};
  let isDisposed = false;
  let isLost = false;
  runtime.lost?.catch(() => {
    isLost = true;
  });
  const requireSession = (): void => {
    if (isDisposed) throw new RefineError("disposed", "The session was disposed of and cannot run.");
  };
  const unlessLost = <T>(work: Promise<T>): Promise<T> => (runtime.lost ? Promise.race([work, runtime.lost]) : work);
  return {
    backend: runtime.backend,
    async run(feeds) {
      requireSession();
      const inputs = tensorsOf(runtime, feeds);
      const outputs = await unlessLost(session.run({ ...state, ...inputs })).catch((cause: unknown) => {
        if (isRefineError(cause)) throw cause;
        throw new RefineError("inference", `ONNX Runtime failed to run the graph: ${messageOf(cause)}`, {
          details: { feeds: Object.entries(feeds).map(([name, { dims }]) => `${name} float32 [${dims.join(", ")}]`) },
          cause,
        });
      });
      const before = Object.values(state);
      state = Object.fromEntries(Object.entries(carried).map(([input, output]) => [input, outputs[output]!]));
      for (const tensor of before) tensor.dispose();
      return Object.fromEntries(
        Object.entries(outputs)
          .filter(([name]) => !carriedOutputs.has(name))
          .map(([name, { data, dims }]): [string, RawTensor] => [name, { data: data as Float32Array, dims }]),
      );
    },
    carry(values) {
      requireSession();
      for (const name of Object.keys(values)) state[name]?.dispose();
      state = { ...state, ...tensorsOf(runtime, values) };
    },
    async readCarried(input) {
      requireSession();
      const tensor = state[input];
      if (!tensor) throw new RefineError("inference", `No value is carried for the input "${input}".`);
      return (await unlessLost(tensor.getData())) as Float32Array;
    },
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      // A lost device has freed everything, and would be waited for in vain.
      if (isLost) return;
      for (const tensor of Object.values(state)) tensor.dispose();
      await session.release();
    },
  };
}

function tensorsOf(
  runtime: OnnxRuntime,
  values: Readonly<Record<string, RawTensor>>,
): Readonly<Record<string, Tensor>> {
  return Object.fromEntries(Object.entries(values).map(([name, { data, dims }]) => [name, runtime.tensor(data, dims)]));
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
