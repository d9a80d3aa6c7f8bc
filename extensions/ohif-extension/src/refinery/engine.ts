import { createWorkerEngine, type InferenceEngine } from "@samrefine/inference";
import mjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

/**
 * ONNX Runtime in a worker of its own below this one, so that masks are cleaned and fused while the next model run is under
 * way. Its files lie beside our bundle; OHIF's own copy is another version and is left alone.
 */
export function openEngine(): Promise<InferenceEngine> {
  return createWorkerEngine({
    createWorker: () => new Worker(new URL("./engine.worker.ts", import.meta.url), { type: "module" }),
    wasmPaths: {
      wasm: new URL(wasmUrl, import.meta.url).href,
      mjs: new URL(mjsUrl, import.meta.url).href,
    },
  });
}
