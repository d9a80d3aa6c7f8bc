import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/**
 * Paths of the files of ONNX Runtime that a page must be served from its own origin: `.wasm` and `.mjs` of WebAssembly, or
 * those of WebGPU.
 */
export function webRuntimeFiles(provider: "wasm" | "webgpu"): readonly string[] {
  const folder = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/wasm"));
  const name = provider === "wasm" ? "ort-wasm-simd-threaded" : "ort-wasm-simd-threaded.asyncify";
  return [join(folder, `${name}.wasm`), join(folder, `${name}.mjs`)];
}
