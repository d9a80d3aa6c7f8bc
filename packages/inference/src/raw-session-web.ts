import { type RawSessionFactory, rawSessionOf } from "./raw-session.ts";
import { createWebRuntime, type WasmPaths } from "./web-runtime.ts";

/**
 * Sessions in the browser, to be used in a worker: WebAssembly, with threads on a cross-origin isolated page.
 * @throws RefineError `backend-unavailable`, when the first session is made.
 */
export function webRawSessions(wasmPaths?: WasmPaths): RawSessionFactory {
  return async (bytes, { threads } = {}) => await rawSessionOf(await createWebRuntime({ threads, wasmPaths }), bytes);
}
