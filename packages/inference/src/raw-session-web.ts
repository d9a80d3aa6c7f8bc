import { type RawSessionFactory, rawSessionOf } from "./raw-session.ts";
import { createWebRuntime, type WasmPaths } from "./web-runtime.ts";

/**
 * Sessions in the browser, to be used in a worker: WebAssembly, with threads on a cross-origin isolated page. WebGPU is not
 * among them; who asks for it gets WebAssembly, and `backend` says so.
 * @throws RefineError `backend-unavailable`, when the first session is made.
 */
export function webRawSessions(wasmPaths?: WasmPaths): RawSessionFactory {
  return async (bytes, { threads, provider } = {}) => {
    const runtime = await createWebRuntime({ threads, wasmPaths });
    if (provider !== "webgpu") return await rawSessionOf(runtime, bytes);
    const description = `${runtime.backend.description}: WebGPU was asked for but does not run such graphs in the browser`;
    return await rawSessionOf({ ...runtime, backend: { ...runtime.backend, description } }, bytes);
  };
}
