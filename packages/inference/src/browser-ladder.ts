import type { Logger } from "@samrefine/core";
import { openPrivateFolder } from "./cache/private-folder.ts";
import { folderMemory } from "./ladder/backend-memory.ts";
import { type GpuFacts, type GpuLike, readGpu, softwareRefusal } from "./ladder/gpu-adapter.ts";
import { createLadderEngine, type LadderEngine, type LadderOptions, type Rung } from "./ladder/ladder-engine.ts";
import type { WasmPaths } from "./web-runtime.ts";
import { createWorkerEngine, type WorkerEngineOptions } from "./worker/worker-engine.ts";

export interface BrowserLadderOptions
  extends Omit<WorkerEngineOptions, "provider">,
    Pick<LadderOptions, "preflight" | "idleMs" | "stepTimeoutMs"> {
  /**
   * Absent: WebGPU is not offered, and only the number of threads is left to find out. The worker's script must import
   * `@samrefine/inference/worker-webgpu`, which can do both.
   */
  readonly webgpu?:
    | {
        /** `ort-wasm-simd-threaded.asyncify.wasm` and `.mjs`, as absolute URLs. */
        readonly wasmPaths?: WasmPaths | undefined;
        /**
         * Whether a GPU that the processor only plays is put to the test too. Default false: it is slower than WebAssembly,
         * and finding that out takes a minute. It can be chosen all the same.
         */
        readonly trySoftware?: boolean | undefined;
      }
    | undefined;
  readonly logger?: Logger | undefined;
}

/**
 * The engine of a browser that climbs down where it must: WebGPU, WebAssembly with threads, WebAssembly with one. WebGPU runs
 * a model only after it has proven itself with it on this machine; decisions are kept in the origin's private file system.
 * Where there is no GPU, nothing of WebGPU is loaded or waited for.
 *
 * @throws RefineError `backend-unavailable`.
 */
export async function createBrowserLadder(options: BrowserLadderOptions): Promise<LadderEngine> {
  const { webgpu, ...wasm } = options;
  // Asked while WebAssembly starts.
  const gpu = webgpu && findGpu();
  const single: Rung = { id: "wasm", open: () => createWorkerEngine({ ...wasm, threads: 1 }) };
  const threads: Rung = { id: "wasm-threads", open: () => createWorkerEngine(wasm) };
  const folder = await openPrivateFolder(globalThis.navigator?.storage);
  return createLadderEngine({
    accelerated: webgpu
      ? [
          {
            id: "webgpu",
            open: () => createWorkerEngine({ ...wasm, wasmPaths: webgpu.wasmPaths, provider: "webgpu" }),
            unsuited: async () => whyUnsuited(await gpu, webgpu.trySoftware === true),
          },
        ]
      : [],
    base: globalThis.crossOriginIsolated === true ? [threads, single] : [single],
    machine: describeMachine(gpu),
    memory: folder && folderMemory(folder),
    preflight: options.preflight,
    idleMs: options.idleMs,
    stepTimeoutMs: options.stepTimeoutMs,
    logger: options.logger,
  });
}

/** Facts about the GPU, or why there is none. */
async function findGpu(): Promise<GpuFacts | string> {
  const { gpu } = (globalThis.navigator ?? {}) as { readonly gpu?: GpuLike };
  return readGpu(gpu).catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
}

function whyUnsuited(gpu: GpuFacts | string | undefined, trySoftware: boolean): string | undefined {
  if (typeof gpu === "string") return gpu;
  return gpu && softwareRefusal(gpu, trySoftware);
}

/** What decides how fast and how right a model runs. Stays on this machine, as part of a hash. */
async function describeMachine(gpu: ReturnType<typeof findGpu> | undefined): Promise<string> {
  const { userAgent, hardwareConcurrency } = (globalThis.navigator ?? {}) as Partial<Navigator>;
  return JSON.stringify([userAgent, hardwareConcurrency, globalThis.crossOriginIsolated, await gpu]);
}
