import type { Image2D } from "@samrefine/core";
import { type BackendChoice, createBrowserLadder, type InferenceStats, type LadderEngine } from "@samrefine/inference";
import { type PromptableManifest, parseManifest } from "@samrefine/models";
import webgpuMjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuWasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import mjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

/** What the test calls in the page. */
export interface InferencePage {
  open(options: {
    readonly withWebgpu: boolean;
  }): Promise<{ readonly backend: string; readonly choice: BackendChoice }>;
  /** Encodes made-up slices and asks for one box in each. */
  segment(slices: number): Promise<{ readonly origins: readonly string[]; readonly logits: readonly number[] }>;
  choose(backend: string): Promise<BackendChoice>;
  stats(): Promise<InferenceStats>;
  clearCache(): Promise<void>;
  close(): Promise<void>;
}

const absolute = (url: string): string => new URL(url, import.meta.url).href;
let engine: LadderEngine;
let sam: Awaited<ReturnType<LadderEngine["loadPromptable"]>>;

const geometry = { columns: 60, rows: 40 };
const slice = (k: number): Image2D => ({
  geometry,
  channels: 1,
  data: Int16Array.from({ length: 60 * 40 }, (_, i) => ((i * (k + 2)) % 400) - 200),
});

const page: InferencePage = {
  async open({ withWebgpu }) {
    engine = await createBrowserLadder({
      createWorker: () => new Worker(new URL("./webgpu.worker.ts", import.meta.url), { type: "module" }),
      wasmPaths: { wasm: absolute(wasmUrl), mjs: absolute(mjsUrl) },
      threads: 2,
      ...(withWebgpu
        ? {
            webgpu: {
              wasmPaths: { wasm: absolute(webgpuWasmUrl), mjs: absolute(webgpuMjsUrl) },
              trySoftware: true,
            },
          }
        : {}),
    });
    const manifest = parseManifest(await (await fetch("sam/manifest.json")).json(), "sam/manifest.json");
    sam = await engine.loadPromptable(manifest as PromptableManifest, "sam/manifest.json");
    return { backend: engine.backend.description, choice: engine.choices()[0]! };
  },
  async segment(slices) {
    const origins: string[] = [];
    const logits: number[] = [];
    for (let k = 0; k < slices; k++) {
      const embedding = await sam.encode(slice(k), { displayRange: { lower: -200, upper: 200 } });
      const box = { xMin: 5, yMin: 5, xMax: 40, yMax: 30 };
      const [candidate] = await sam.decode(embedding, [{ segment: 1, geometry, box }]);
      origins.push(embedding.origin);
      logits.push(...candidate!.lowResLogits.data);
      await embedding.dispose();
    }
    return { origins, logits };
  },
  async choose(backend) {
    await engine.choose(sam.modelId, backend);
    return engine.choices()[0]!;
  },
  stats: () => engine.stats(),
  clearCache: () => engine.clearCache(),
  close: () => engine.dispose(),
};
Object.assign(globalThis, { inferencePage: page });
