import { RefineError } from "@samrefine/core";
import { probeModel } from "./engine/probe-model.ts";
import { type OnnxRuntime, type OnnxSession, tensorTypeOf } from "./engine/runtime.ts";

/** Where onnxruntime-web's two files lie, as absolute URLs. The bundler or the server of the page knows. */
export interface WasmPaths {
  /** `ort-wasm-simd-threaded.wasm`, 14 MB. */
  readonly wasm: string;
  /** `ort-wasm-simd-threaded.mjs`; its threads load it again. */
  readonly mjs: string;
}

export interface WebRuntimeOptions {
  /** Default: beside the module, as onnxruntime-web resolves them itself. */
  readonly wasmPaths?: WasmPaths | undefined;
  /** Default: one per core, at most 8; always 1 on a page without cross-origin isolation. */
  readonly threads?: number | undefined;
}

const mostThreads = 8;

/**
 * ONNX Runtime as WebAssembly, in a worker.
 * @throws RefineError `backend-unavailable` when its files cannot be loaded or the engine refuses them.
 */
export async function createWebRuntime(options: WebRuntimeOptions): Promise<OnnxRuntime> {
  const ort = await import("onnxruntime-web/wasm");
  const { threads, description } = chooseThreads(options.threads, {
    isIsolated: globalThis.crossOriginIsolated === true,
    cores: globalThis.navigator?.hardwareConcurrency ?? 1,
  });
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = "error";
  if (options.wasmPaths) ort.env.wasm.wasmPaths = { ...options.wasmPaths };
  const runtime: OnnxRuntime = {
    backend: {
      provider: "wasm",
      threads,
      description,
      onnxruntimeVersion: ort.env.versions.web ?? ort.env.versions.common,
    },
    preparesPerShape: false,
    createSession: (model, { plansMemory = true } = {}) =>
      ort.InferenceSession.create(model, {
        executionProviders: ["wasm"],
        enableMemPattern: plansMemory,
        graphOptimizationLevel: "all",
        // 3: errors. Exporters leave harmless warnings in nearly every graph.
        logSeverityLevel: 3,
      }),
    tensor: (data, dims) => new ort.Tensor(tensorTypeOf(data), data, dims),
  };
  await (await startRuntime(runtime, options.wasmPaths)).release();
  return runtime;
}

/**
 * Makes a session of the smallest model, which loads and starts the runtime.
 * @throws RefineError `backend-unavailable`.
 */
export async function startRuntime(runtime: OnnxRuntime, wasmPaths: WasmPaths | undefined): Promise<OnnxSession> {
  try {
    return await runtime.createSession(probeModel());
  } catch (cause) {
    throw new RefineError(
      "backend-unavailable",
      `ONNX Runtime could not start: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: "Check that ONNX Runtime's .wasm and .mjs files are served beside the viewer, with the types application/wasm and text/javascript.",
        details: { wasm: wasmPaths?.wasm ?? "", mjs: wasmPaths?.mjs ?? "" },
        cause,
      },
    );
  }
}

/** Threads need SharedArrayBuffer, which browsers give only to cross-origin isolated pages. */
export function chooseThreads(
  asked: number | undefined,
  page: { readonly isIsolated: boolean; readonly cores: number },
): { readonly threads: number; readonly description: string } {
  if (!page.isIsolated) {
    return { threads: 1, description: "WebAssembly, 1 thread: the page is not cross-origin isolated" };
  }
  const threads = Math.max(1, Math.min(asked ?? page.cores, page.cores, mostThreads));
  return { threads, description: threads === 1 ? "WebAssembly, 1 thread" : `WebAssembly, ${threads} threads` };
}
