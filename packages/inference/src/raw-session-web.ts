import type { OnnxRuntime } from "./engine/runtime.ts";
import { type GpuLike, gpuRefusal, readGpu, softwareRefusal, unavailable } from "./ladder/gpu-adapter.ts";
import { type RawSessionFactory, rawSessionOf } from "./raw-session.ts";
import { createWebRuntime, type WasmPaths } from "./web-runtime.ts";
import { createWebgpuRuntime, type WebgpuRuntimeOptions } from "./webgpu-runtime.ts";

/**
 * Sessions on WebAssembly in the browser, to be used in a worker: with threads on a cross-origin isolated page, as many as the
 * first session asks for. `provider` is not looked at.
 * @throws RefineError `backend-unavailable`, when the first session is made.
 */
export function webRawSessions(wasmPaths?: WasmPaths): RawSessionFactory {
  let runtime: Promise<OnnxRuntime> | undefined;
  return async (bytes, options = {}) => {
    runtime ??= createWebRuntime({ threads: options.threads, wasmPaths });
    return await rawSessionOf(await runtime, bytes, options);
  };
}

export interface WebgpuSessionsOptions extends WebgpuRuntimeOptions {
  /** Whether a GPU that the processor only plays will do. Default false: WebAssembly outruns it. */
  readonly trySoftware?: boolean | undefined;
}

/**
 * Sessions on WebGPU in the browser, to be used in a worker. The adapter is asked first, so that nothing is loaded where there
 * is no use for it. There is no fallback: the caller has WebAssembly for that.
 * @throws RefineError `backend-unavailable` when a session is made and there is no adapter, a software one alone, or one whose
 * buffers are too small; and when a session runs and the device is lost.
 */
export function webgpuRawSessions({ wasmPaths, trySoftware = false }: WebgpuSessionsOptions = {}): RawSessionFactory {
  let runtime: Promise<OnnxRuntime> | undefined;
  return async (bytes, options = {}) => {
    const gpu = await readGpu((globalThis.navigator as { readonly gpu?: GpuLike } | undefined)?.gpu);
    const needs = { storageBufferBytes: options.largestTensorBytes };
    const refusal = softwareRefusal(gpu, trySoftware) ?? gpuRefusal(gpu, needs, bytes.length);
    if (refusal !== undefined) throw unavailable(refusal);
    runtime ??= createWebgpuRuntime({ wasmPaths });
    return await rawSessionOf(await runtime, bytes, options);
  };
}
