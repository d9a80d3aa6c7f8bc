import { createBrowserLadder, type LadderEngine } from "@samrefine/inference";
import webgpuMjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuWasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import mjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

const absolute = (url: string): string => new URL(url, import.meta.url).href;

/**
 * ONNX Runtime in workers of its own below this one, so that masks are cleaned and fused while the next model run is under
 * way. Its files lie beside our bundle; OHIF's own copy is another version and is left alone. WebGPU's are loaded only where
 * there is a GPU, and a model begins on WebAssembly: what is faster is found out while nobody waits.
 */
export function openEngine(): Promise<LadderEngine> {
  return createBrowserLadder({
    createWorker: () => new Worker(new URL("./engine.worker.ts", import.meta.url), { type: "module" }),
    wasmPaths: { wasm: absolute(wasmUrl), mjs: absolute(mjsUrl) },
    webgpu: {
      wasmPaths: { wasm: absolute(webgpuWasmUrl), mjs: absolute(webgpuMjsUrl) },
    },
    preflight: "when-idle",
  });
}
