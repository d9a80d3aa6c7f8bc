import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Image2D,
  type ImageEmbedding,
  type MaskCandidate,
  type PromptableSegmenter,
  RefineError,
  type Segmenter,
  type SegmentStack,
} from "@samrefine/core";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { InferenceEngine } from "../contract.ts";
import { createNodeEngine } from "../node.ts";
import { type TinyModel, writeTinySam, writeTinyUnet } from "../testing/tiny-models.ts";
import { type BackendMemory, volatileMemory } from "./backend-memory.ts";
import { createLadderEngine, type LadderEngine, type LadderOptions, type Rung } from "./ladder-engine.ts";

/** What goes wrong in a candidate. The engine below is a real one, on the CPU. */
interface Faults {
  open?: () => Promise<never>;
  load?: () => Promise<unknown>;
  /** Before a run; may throw, or wait. */
  run?: () => Promise<unknown>;
  /** Changes the answer's probabilities. */
  bend?: (value: number) => number;
  storageBufferBytes?: number;
  shaderF16?: boolean;
}

interface Candidate extends Rung {
  readonly faults: Faults;
  opened: number;
  disposed: number;
}

const geometry = { rows: 16, columns: 24 };
const image: Image2D = { geometry, channels: 1, data: new Uint8Array(16 * 24).map((_, i) => (i * 5) % 255) };
const displayRange = { lower: 0, upper: 255 };
const intensity = { lower: 0, upper: 255, subtract: 0, multiply: 1 / 255 };
const box = { xMin: 2, yMin: 2, xMax: 20, yMax: 12 };
const mebibyte = 2 ** 20;

let folder: string;
let sam: TinyModel<PromptableManifest>;
let unet: TinyModel<SegmentationManifest>;
const open: LadderEngine[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-ladder-"));
  sam = await writeTinySam(join(folder, "sam"));
  unet = await writeTinyUnet(join(folder, "unet"));
});

afterEach(async () => {
  for (const engine of open.splice(0)) await engine.dispose();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function candidate(faults: Faults = {}, id = "webgpu"): Candidate {
  const rung: Candidate = {
    id,
    faults,
    opened: 0,
    disposed: 0,
    async open() {
      await faults.open?.();
      rung.opened++;
      return withFaults(await createNodeEngine({ threads: 1, cacheBytes: 0 }), rung);
    },
  };
  return rung;
}

function withFaults(engine: InferenceEngine, rung: Candidate): InferenceEngine {
  const { faults } = rung;
  const { storageBufferBytes = 2048 * mebibyte, shaderF16 = true } = faults;
  const gpu = {
    description: "test",
    shaderF16,
    storageBufferBytes,
    bufferBytes: storageBufferBytes,
    isSoftware: false,
  };
  return {
    backend: { ...engine.backend, provider: "webgpu", description: "WebGPU (test)", gpu },
    async loadSegmenter(...args) {
      await faults.load?.();
      const model = await engine.loadSegmenter(...args);
      return {
        modelId: model.modelId,
        digest: model.digest,
        async segment(...call): Promise<SegmentStack> {
          await faults.run?.();
          const stack = await model.segment(...call);
          return {
            ...stack,
            segments: stack.segments.map((s) => ({
              ...s,
              probability: s.probability!.map((p) => faults.bend?.(p) ?? p),
            })),
          };
        },
        dispose: () => model.dispose(),
      } satisfies Segmenter;
    },
    async loadPromptable(...args) {
      await faults.load?.();
      const model = await engine.loadPromptable(...args);
      return {
        modelId: model.modelId,
        digest: model.digest,
        capabilities: model.capabilities,
        async encode(...call): Promise<ImageEmbedding> {
          await faults.run?.();
          return model.encode(...call);
        },
        async decode(...call): Promise<readonly MaskCandidate[]> {
          await faults.run?.();
          const answers = await model.decode(...call);
          return answers.map((answer) => ({
            ...answer,
            logits: { ...answer.logits, data: answer.logits.data.map((logit) => faults.bend?.(logit) ?? logit) },
          }));
        },
        dispose: () => model.dispose(),
      } satisfies PromptableSegmenter;
    },
    stats: () => engine.stats(),
    clearCache: () => engine.clearCache(),
    dispose() {
      rung.disposed++;
      return engine.dispose();
    },
  };
}

/** The trusted engine, made slow enough that a candidate is never slower by chance. */
const slowBase = (delayMs = 100): Rung => ({
  id: "wasm",
  async open() {
    const engine = await createNodeEngine({ threads: 1, cacheBytes: 0 });
    const wait = () => new Promise((resolve) => setTimeout(resolve, delayMs));
    const base = candidate({ run: wait }, "wasm");
    return { ...withFaults(engine, base), backend: engine.backend };
  },
});

async function ladder(accelerated: readonly Rung[], options: Partial<LadderOptions> = {}): Promise<LadderEngine> {
  const engine = await createLadderEngine({ accelerated, base: [slowBase()], machine: "test", ...options });
  open.push(engine);
  return engine;
}

const lost = () => new RefineError("backend-unavailable", "The GPU was lost: driver reset.");
const fail = (message: string) => () => Promise.reject(new Error(message));
const never = () => new Promise<never>(() => {});

describe("a candidate that proves itself", () => {
  test("runs the model, once per machine and model, and says why", async () => {
    const memory = volatileMemory();
    const first = candidate();
    const engine = await ladder([first], { memory });
    const model = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    expect(engine.choices()).toMatchObject([
      { modelId: "tiny-sam", backend: "webgpu", decidedBy: "preflight", report: { description: "WebGPU (test)" } },
    ]);
    expect(engine.choices()[0]!.results).toMatchObject([
      { backend: "webgpu", outcome: "passed", reason: expect.stringMatching(/as right as wasm, [\d.]+ times as fast/) },
    ]);
    const embedding = await model.encode(image, { displayRange });
    expect(await model.decode(embedding, [{ segment: 1, geometry, box }])).toHaveLength(1);

    // The next session opens it without a question; another machine, or another model, asks again.
    const runs = { count: 0 };
    const second = candidate({ run: async () => void runs.count++ });
    await (await ladder([second], { memory })).loadPromptable(sam.manifest, sam.manifestPath);
    expect({ ...runs, opened: second.opened }).toEqual({ count: 0, opened: 1 });
    await (await ladder([second], { memory, machine: "other" })).loadPromptable(sam.manifest, sam.manifestPath);
    expect(runs.count).toBeGreaterThan(0);
    const before = runs.count;
    await (await ladder([second], { memory })).loadSegmenter(unet.manifest, unet.manifestPath);
    expect(runs.count).toBeGreaterThan(before);
  });
});

describe("a pre-flight that waits until nobody needs the model", () => {
  const whenIdle = { preflight: "when-idle", idleMs: 50 } as const;
  const prompt = { segment: 1, geometry, box };

  test("the model runs on the base at once, moves in a pause, and earlier embeddings stay good", async () => {
    const memory = volatileMemory();
    const gpu = candidate();
    const engine = await ladder([gpu], { memory, ...whenIdle });
    const model = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    expect(engine.choices()[0]).toMatchObject({ backend: "wasm", results: [] });
    const early = await model.encode(image, { displayRange });
    expect(gpu.opened).toBe(0);
    await expect.poll(() => engine.choices()[0]!.backend, { timeout: 10_000 }).toBe("webgpu");
    const late = await model.encode(image, { displayRange });
    expect(await model.decode(early, [prompt])).toEqual(await model.decode(late, [prompt]));

    const next = await ladder([candidate()], { memory, ...whenIdle });
    await next.loadPromptable(sam.manifest, sam.manifestPath);
    expect(next.choices()[0]!.backend).toBe("webgpu");
  });

  test("a call ends the attempt, which is repeated later", async () => {
    let calls = 0;
    const gpu = candidate({ run: () => (calls++ === 0 ? never() : Promise.resolve()) });
    const engine = await ladder([gpu], whenIdle);
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    await expect.poll(() => calls, { timeout: 10_000 }).toBe(1);
    expect((await model.segment(image, { intensity })).segments).toHaveLength(1);
    await expect.poll(() => gpu.disposed, { timeout: 10_000 }).toBe(1);
    expect(engine.choices()[0]!.backend).toBe("wasm");
    await expect.poll(() => engine.choices()[0]!.backend, { timeout: 10_000 }).toBe("webgpu");
    expect(gpu.opened).toBe(2);
  });

  test("after a loss the base that was kept takes over", async () => {
    const faults: Faults = {};
    const engine = await ladder([candidate(faults)], whenIdle);
    const model = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const early = await model.encode(image, { displayRange });
    await expect.poll(() => engine.choices()[0]!.backend, { timeout: 10_000 }).toBe("webgpu");
    faults.run = () => Promise.reject(lost());
    const late = await model.encode(image, { displayRange });
    expect(engine.choices()[0]).toMatchObject({ backend: "wasm", results: [{ stage: "later" }] });
    expect(await model.decode(early, [prompt])).toEqual(await model.decode(late, [prompt]));
    expect((await engine.stats()).sessions).toBe(2);
  });

  test("what is not worth a pre-flight is not opened, but may be chosen", async () => {
    const gpu = candidate();
    const rung: Rung = { ...gpu, open: () => gpu.open(), unsuited: async () => "the GPU is software" };
    const engine = await ladder([rung], whenIdle);
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    await expect
      .poll(() => engine.choices()[0]!.results, { timeout: 10_000 })
      .toMatchObject([{ backend: "webgpu", outcome: "refused", stage: "open", reason: "the GPU is software" }]);
    expect(gpu.opened).toBe(0);
    await engine.choose(model.modelId, "webgpu");
    expect(engine.choices()[0]).toMatchObject({ backend: "webgpu", decidedBy: "user" });
    expect(engine.rungs).toEqual(["webgpu", "wasm"]);
  });
});

describe("a fault at any step leaves the model on the base, with the reason", () => {
  const steps: readonly [stage: string, faults: Faults, reason: RegExp][] = [
    [
      "open",
      { open: () => Promise.reject(new RefineError("backend-unavailable", "there is no GPU")) },
      /there is no GPU/,
    ],
    ["open", { open: never }, /no answer within/],
    ["limits", { storageBufferBytes: 1 }, /binds at most 1 MiB/],
    ["load", { load: fail("WGSL: unresolved type f16") }, /WGSL/],
    ["load", { load: () => Promise.reject(new RefineError("out-of-memory", "failed to allocate")) }, /allocate/],
    ["load", { load: never }, /no answer within/],
    ["run", { run: () => Promise.reject(lost()) }, /driver reset/],
    ["run", { run: never }, /no answer within/],
    ["parity", { bend: (value) => -value }, /agrees with wasm at only/],
    ["parity", { bend: () => Number.NaN }, /agrees with wasm at only 0\.0 %/],
    ["timing", { run: () => new Promise((resolve) => setTimeout(resolve, 400)) }, /it takes \d+ ms, wasm \d+ ms/],
  ];
  test.each(steps)("%s: %o", async (stage, faults, reason) => {
    const memory = volatileMemory();
    const broken = candidate(faults);
    const engine = await ladder([broken], {
      memory,
      stepTimeoutMs: Object.values(faults).includes(never) ? 700 : 20_000,
    });
    const model = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const [choice] = engine.choices();
    expect(choice).toMatchObject({ backend: "wasm", results: [{ backend: "webgpu", outcome: "refused", stage }] });
    expect(choice!.results[0]!.reason).toMatch(reason);
    // The worker of the refused candidate is gone.
    expect(broken.disposed).toBe(broken.opened);
    const embedding = await model.encode(image, { displayRange });
    expect(await model.decode(embedding, [{ segment: 1, geometry, box }])).toHaveLength(1);
    // And it is not tried again.
    const opened = broken.opened;
    await (await ladder([broken], { memory })).loadPromptable(sam.manifest, sam.manifestPath);
    expect(broken.opened).toBe(opened);
  });

  test("a model that needs 16-bit shaders is not even loaded on a GPU without", async () => {
    let loads = 0;
    const plain = candidate({ shaderF16: false, load: async () => void loads++ });
    const engine = await ladder([plain]);
    await engine.loadPromptable({ ...sam.manifest, gpu: { shaderF16: true } }, sam.manifestPath);
    expect(engine.choices()[0]!.results[0]).toMatchObject({
      stage: "limits",
      reason: expect.stringContaining("shader-f16"),
    });
    expect(loads).toBe(0);
  });

  test("a U-Net whose probabilities are wrong is refused too, and the next candidate is tried in a fresh worker", async () => {
    const wrong = candidate({ bend: (p) => 1 - p });
    const good = candidate({}, "webgpu-fp32");
    const engine = await ladder([wrong, good]);
    await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    expect(engine.choices()[0]).toMatchObject({
      backend: "webgpu-fp32",
      results: [
        { backend: "webgpu", stage: "parity" },
        { backend: "webgpu-fp32", outcome: "passed" },
      ],
    });
    expect([wrong.disposed, good.disposed]).toEqual([1, 0]);
  });
});

describe("a back end that fails later", () => {
  test("a lost device moves a U-Net to the base within the call, and for good", async () => {
    const memory = volatileMemory();
    const faults: Faults = {};
    const gpu = candidate(faults);
    const engine = await ladder([gpu], { memory });
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    const before = await model.segment(image, { intensity });
    faults.run = () => Promise.reject(lost());
    const [after, again] = await Promise.all([
      model.segment(image, { intensity }),
      model.segment(image, { intensity }),
    ]);
    expect(after).toEqual(before);
    expect(again).toEqual(before);
    expect(engine.choices()[0]).toMatchObject({ backend: "wasm", results: [{ stage: "later", outcome: "refused" }] });
    expect(gpu.disposed).toBe(1);
    const next = candidate();
    await (await ladder([next], { memory })).loadSegmenter(unet.manifest, unet.manifestPath);
    expect(next.opened).toBe(0);
  });

  test("an embedding goes with its GPU: the decoding says so, encoding again works", async () => {
    const faults: Faults = {};
    const engine = await ladder([candidate(faults)]);
    const model = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const embedding = await model.encode(image, { displayRange });
    faults.run = () => Promise.reject(lost());
    const prompt = { segment: 1, geometry, box };
    await expect(model.decode(embedding, [prompt])).rejects.toMatchObject({ code: "worker-crashed" });
    const anew = await model.encode(image, { displayRange });
    expect(await model.decode(anew, [prompt])).toHaveLength(1);
  });

  test("a mistake of the caller moves nothing", async () => {
    const gpu = candidate();
    const engine = await ladder([gpu]);
    const model = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const embedding = await model.encode(image, { displayRange });
    const outside = { segment: 1, geometry, points: [{ x: 99, y: 1, label: "foreground" as const }] };
    await expect(model.decode(embedding, [outside])).rejects.toMatchObject({ code: "prompt-out-of-bounds" });
    expect(engine.choices()[0]!.backend).toBe("webgpu");
  });

  test("what was remembered but does not load any more is forgotten in favour of the base", async () => {
    const memory = volatileMemory();
    await (await ladder([candidate()], { memory })).loadPromptable(sam.manifest, sam.manifestPath);
    const broken = candidate({ load: fail("driver update") });
    const engine = await ladder([broken], { memory });
    await engine.loadPromptable(sam.manifest, sam.manifestPath);
    expect(engine.choices()[0]).toMatchObject({ backend: "wasm", results: [{ reason: "driver update" }] });
    expect(broken.disposed).toBe(1);
  });
});

describe("the user's word", () => {
  test("moves a loaded model, is remembered, and auto decides anew", async () => {
    const memory = volatileMemory();
    const gpu = candidate();
    const engine = await ladder([gpu], { memory });
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    await engine.choose(model.modelId, "wasm");
    expect(engine.choices()[0]).toMatchObject({ backend: "wasm", decidedBy: "user" });
    expect(gpu.disposed).toBe(1);
    const next = candidate();
    const again = await ladder([next], { memory });
    await again.loadSegmenter(unet.manifest, unet.manifestPath);
    expect(next.opened).toBe(0);
    await again.choose(unet.manifest.id, "auto");
    expect(again.choices()[0]).toMatchObject({ backend: "webgpu", decidedBy: "preflight" });
    await expect(again.choose(unet.manifest.id, "cuda")).rejects.toMatchObject({ code: "configuration" });
    await expect(again.choose("nothing", "auto")).rejects.toMatchObject({ code: "configuration" });
    expect((await model.segment(image, { intensity })).segments).toHaveLength(1);
  });

  test("a choice that cannot be loaded leaves the model where it was", async () => {
    const faults: Faults = {};
    const engine = await ladder([candidate(faults)]);
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    await engine.choose(model.modelId, "wasm");
    faults.load = fail("no");
    await expect(engine.choose(model.modelId, "webgpu")).rejects.toThrow("no");
    expect(engine.choices()[0]!.backend).toBe("wasm");
    expect((await model.segment(image, { intensity })).segments).toHaveLength(1);
  });
});

describe("the ladder itself", () => {
  test("takes the next base when the first does not open, and says all reasons when none does", async () => {
    const broken: Rung = { id: "wasm-threads", open: fail("SharedArrayBuffer is not defined") };
    const engine = await ladder([], { base: [broken, slowBase(0)] });
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    expect(engine.choices()[0]!.backend).toBe("wasm");
    expect((await model.segment(image, { intensity })).segments).toHaveLength(1);
    await expect(ladder([], { base: [broken, { id: "wasm", open: fail("no memory") }] })).rejects.toMatchObject({
      code: "backend-unavailable",
      details: { reasons: ["wasm-threads: SharedArrayBuffer is not defined", "wasm: no memory"] },
    });
  });

  test("cancelling in the middle of a pre-flight rejects with the reason, ends the worker, and decides nothing", async () => {
    const memory = volatileMemory();
    const controller = new AbortController();
    const reason = new Error("closed");
    const slow = candidate({
      run: async () => {
        controller.abort(reason);
        await never();
      },
    });
    const engine = await ladder([slow], { memory, stepTimeoutMs: 300 });
    const loading = engine.loadPromptable(sam.manifest, sam.manifestPath, { signal: controller.signal });
    await expect(loading).rejects.toBe(reason);
    expect(slow.disposed).toBe(1);
    expect(await engine.stats()).toMatchObject({ sessions: 0 });
    await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    expect(engine.choices()).toHaveLength(1);
  });

  test("a damaged model file is the file's fault, not the back end's", async () => {
    const gpu = candidate();
    const engine = await ladder([gpu]);
    const files = sam.manifest.files.map((file) => ({ ...file, sha256: "0".repeat(64) }));
    await expect(engine.loadPromptable({ ...sam.manifest, files }, sam.manifestPath)).rejects.toMatchObject({
      code: "model-integrity",
    });
    expect(gpu.opened).toBe(0);
  });

  test("a memory that cannot be read or written only costs another pre-flight", async () => {
    const forgetful: BackendMemory = { read: async () => undefined, write: async () => {} };
    const gpu = candidate();
    for (let session = 1; session <= 2; session++) {
      await (await ladder([gpu], { memory: forgetful })).loadSegmenter(unet.manifest, unet.manifestPath);
      expect(gpu.opened).toBe(session);
    }
  });

  test("disposing a model ends its accelerated worker, disposing the engine ends all", async () => {
    const gpu = candidate();
    const engine = await ladder([gpu]);
    const model = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    await model.dispose();
    await model.dispose();
    expect(gpu.disposed).toBe(1);
    await expect(model.segment(image, { intensity })).rejects.toMatchObject({ code: "disposed" });
    await engine.dispose();
    await expect(engine.loadSegmenter(unet.manifest, unet.manifestPath)).rejects.toMatchObject({ code: "disposed" });
  });
});
