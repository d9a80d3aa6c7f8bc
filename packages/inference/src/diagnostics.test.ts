import { expect, test } from "vitest";
import { describeDiagnostics } from "./diagnostics.ts";

test("the report says what runs, why, how long, and what the caches did", () => {
  const wasm = {
    provider: "wasm",
    threads: 4,
    description: "WebAssembly, 4 threads",
    onnxruntimeVersion: "1.30.0",
  } as const;
  const gpu = {
    description: "nvidia ampere",
    shaderF16: true,
    storageBufferBytes: 128 * 2 ** 20,
    bufferBytes: 256 * 2 ** 20,
    isSoftware: false,
  };
  const text = describeDiagnostics({
    backend: wasm,
    stats: {
      sessions: 3,
      embeddings: 2,
      embeddingBytes: 4 * 2 ** 20,
      cacheHits: 5,
      cacheMisses: 1,
      runMs: { unet: 1500, encoder: 2000, decoder: 30 },
      encoderInputMs: 12,
      cache: {
        memory: { hits: 3, misses: 3, entries: 2, bytes: 2 ** 22, limitBytes: 2 ** 26 },
        stored: {
          hits: 2,
          misses: 1,
          entries: 9,
          bytes: 2 ** 24,
          limitBytes: 2 ** 28,
          maxAgeMs: 7 * 86_400_000,
          failures: 0,
        },
      },
    },
    choices: [
      {
        modelId: "mobile-sam",
        backend: "webgpu",
        decidedBy: "preflight",
        report: { ...wasm, provider: "webgpu", description: "WebGPU (nvidia ampere)", gpu },
        results: [{ backend: "webgpu", outcome: "passed", reason: "3.1 times as fast" }],
      },
      {
        modelId: "unet",
        backend: "wasm-threads",
        decidedBy: "preflight",
        report: wasm,
        results: [
          { backend: "webgpu", outcome: "refused", stage: "timing", reason: "it takes 90 ms, wasm-threads 40 ms" },
        ],
      },
    ],
    surroundings: { cores: 8 },
  });
  expect(text.split("\n")).toEqual([
    "Back end: WebAssembly, 4 threads",
    "ONNX Runtime: 1.30.0",
    "Model mobile-sam: WebGPU (nvidia ampere)",
    "  GPU nvidia ampere: binds 128.0 MiB, 16-bit shaders",
    "  webgpu passed: 3.1 times as fast",
    "Model unet: WebAssembly, 4 threads",
    "  webgpu refused at timing: it takes 90 ms, wasm-threads 40 ms",
    "Sessions: 3; embeddings alive: 2 (4.0 MiB)",
    "Time in models: U-Net 1.50 s, SAM encoder 2.00 s, SAM decoder 0.03 s",
    "Cache in memory: 3 hits, 3 misses, 2 embeddings, 4.0 MiB of 64.0 MiB",
    "Cache in storage: 2 hits, 1 misses, 9 embeddings, 16.0 MiB of 256.0 MiB, 0 failures, kept 7 days",
    "cores: 8",
  ]);
});
