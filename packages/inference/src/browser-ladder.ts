import type { Logger } from "@samrefine/core";
import { openPrivateFolder } from "./cache/private-folder.ts";
import { folderMemory } from "./ladder/backend-memory.ts";
import { type GpuLike, readGpu } from "./ladder/gpu-adapter.ts";
import { createLadderEngine, type LadderEngine, type Rung } from "./ladder/ladder-engine.ts";
import type { WasmPaths } from "./web-runtime.ts";
import type { WorkerLike } from "./worker/worker-connection.ts";
import { createWorkerEngine, type WorkerEngineOptions } from "./worker/worker-engine.ts";

export interface BrowserLadderOptions extends WorkerEngineOptions {
  /** Absent: WebGPU is not offered, and only the number of threads is left to find out. */
  readonly webgpu?:
    | {
        /** Makes a module worker whose script imports `@samrefine/inference/worker-webgpu`. */
        readonly createWorker: () => WorkerLike;
        /** `ort-wasm-simd-threaded.asyncify.wasm` and `.mjs`, as absolute URLs. */
        readonly wasmPaths?: WasmPaths | undefined;
      }
    | undefined;
  readonly logger?: Logger | undefined;
}

/**
 * The engine of a browser that climbs down where it must: WebGPU, WebAssembly with threads, WebAssembly with one. WebGPU runs
 * a model only after it has proven itself with it on this machine; decisions are kept in the origin's private file system.
 *
 * @throws RefineError `backend-unavailable`.
 */
export async function createBrowserLadder(options: BrowserLadderOptions): Promise<LadderEngine> {
  const { webgpu, ...wasm } = options;
  const single: Rung = { id: "wasm", open: () => createWorkerEngine({ ...wasm, threads: 1 }) };
  const threads: Rung = { id: "wasm-threads", open: () => createWorkerEngine(wasm) };
  const folder = await openPrivateFolder(globalThis.navigator?.storage);
  return createLadderEngine({
    accelerated: webgpu ? [{ id: "webgpu", open: () => createWorkerEngine({ ...wasm, ...webgpu }) }] : [],
    base: globalThis.crossOriginIsolated === true ? [threads, single] : [single],
    machine: await describeMachine(),
    memory: folder && folderMemory(folder),
    logger: options.logger,
  });
}

/** What decides how fast and how right a model runs. Stays on this machine, as part of a hash. */
async function describeMachine(): Promise<string> {
  const navigator = globalThis.navigator as (Navigator & { readonly gpu?: GpuLike }) | undefined;
  const gpu = await readGpu(navigator?.gpu).catch(() => undefined);
  return JSON.stringify([navigator?.userAgent, navigator?.hardwareConcurrency, globalThis.crossOriginIsolated, gpu]);
}
