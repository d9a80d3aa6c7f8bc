import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image2D, Progress } from "@samrefine/core";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createWorkerEngine, type InferenceEngine } from "../index.ts";
import { createNodeEngine } from "../node.ts";
import { nodeWorker } from "../testing/node-worker.ts";
import { type TinyModel, writeGreedyUnet, writeTinySam, writeTinyUnet } from "../testing/tiny-models.ts";

const script = new URL("../testing/inference-worker.ts", import.meta.url);
const identity = { lower: Number.NEGATIVE_INFINITY, upper: Number.POSITIVE_INFINITY, subtract: 0, multiply: 1 };
const displayRange = { lower: 0, upper: 255 };
const geometry = { rows: 4, columns: 6 };
const image: Image2D = { geometry, channels: 1, data: Float32Array.from({ length: 24 }, (_, i) => (i % 5) - 2) };

let folder: string;
let unet: TinyModel<SegmentationManifest>;
let sam: TinyModel<PromptableManifest>;
let workers: ReturnType<typeof nodeWorker>[];
let engine: InferenceEngine;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-worker-"));
  unet = await writeTinyUnet(join(folder, "unet"));
  sam = await writeTinySam(join(folder, "sam"));
  workers = [];
  engine = await createWorkerEngine({
    createWorker: () => {
      const worker = nodeWorker(script);
      workers.push(worker);
      return worker;
    },
  });
});

afterEach(async () => {
  await engine.dispose();
  await rm(folder, { recursive: true, force: true });
});

describe("the engine in a worker", () => {
  test("answers what the engine in this thread answers, and leaves the caller's pixels alone", async () => {
    const near = await createNodeEngine({ threads: 1 });
    const answers = [];
    for (const place of [engine, near]) {
      const segmenter = await place.loadSegmenter(unet.manifest, unet.manifestPath);
      const promptable = await place.loadPromptable(sam.manifest, sam.manifestPath);
      const stack = await segmenter.segment(image, { intensity: identity, testTimeAugmentation: "flips" });
      const embedding = await promptable.encode(image, { displayRange });
      const candidates = await promptable.decode(
        embedding,
        [{ segment: 2, geometry, box: { xMin: 1, yMin: 1, xMax: 4, yMax: 2 } }],
        { outputGeometry: { rows: 8, columns: 12 }, maskChoice: "token0" },
      );
      answers.push({ stack, candidates, digest: [segmenter.digest, promptable.digest] });
      expect(image.data.length).toBe(24);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]?.candidates[0]?.mask.data.length).toBe(96);
    await near.dispose();
  });

  test("typed errors cross with code, details and hint", async () => {
    await writeFile(join(folder, "unet", "tiny.onnx"), "damaged");
    const error: unknown = await engine.loadSegmenter(unet.manifest, unet.manifestPath).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "model-integrity",
      hint: expect.stringContaining("Fetch the file again"),
      details: { origin: join(folder, "unet", "tiny.onnx"), foundBytes: 7 },
    });
    const { isRefineError } = await import("@samrefine/core");
    expect(isRefineError(error, "model-integrity")).toBe(true);
  });

  test("progress arrives before the result and ends at its total", async () => {
    const events: Progress[] = [];
    const segmenter = await engine.loadSegmenter(unet.manifest, unet.manifestPath, {
      onProgress: (progress) => events.push(progress),
    });
    const { bytes } = unet.manifest.files[0]!;
    expect(events.at(-1)).toEqual({ stage: "Loading model", completed: bytes, total: bytes, unit: "byte" });
    events.length = 0;
    await segmenter.segment(image, {
      intensity: identity,
      testTimeAugmentation: "flips",
      onProgress: (progress) => events.push(progress),
    });
    expect(events.at(-1)).toMatchObject({ completed: 4, total: 4 });
    const completed = events.map((event) => event.completed);
    expect(completed).toEqual(completed.toSorted((a, b) => a - b));
  });

  test("a cancelled call rejects with the caller's own reason, and the next one runs", async () => {
    const segmenter = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    const controller = new AbortController();
    const reason = { why: "study closed" };
    const call = segmenter.segment(image, { intensity: identity, signal: controller.signal });
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(segmenter.segment(image, { intensity: identity, signal: controller.signal })).rejects.toBe(reason);
    await expect(segmenter.segment(image, { intensity: identity })).resolves.toMatchObject({ geometry });
  });

  test("an encoding that is cancelled leaves no embedding behind", async () => {
    const promptable = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const controller = new AbortController();
    const call = promptable.encode(image, { displayRange, signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toBe(controller.signal.reason);
    await engine.clearCache();
    await expect.poll(async () => (await engine.stats()).embeddings).toBe(0);
  });

  test("a lost worker fails its calls, and the next call finds a new one with the model loaded", async () => {
    const segmenter = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    const promptable = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const before = await segmenter.segment(image, { intensity: identity });
    const embedding = await promptable.encode(image, { displayRange });
    const underWay = segmenter.segment(image, { intensity: identity });
    const rejection = expect(underWay).rejects.toMatchObject({ code: "worker-crashed" });
    await workers[0]!.kill();
    await rejection;

    expect(await segmenter.segment(image, { intensity: identity })).toEqual(before);
    expect(workers.length).toBe(2);
    const box = { xMin: 0, yMin: 0, xMax: 3, yMax: 3 };
    await expect(promptable.decode(embedding, [{ segment: 1, geometry, box }])).rejects.toMatchObject({
      code: "worker-crashed",
      hint: expect.stringContaining("Encode the image again"),
    });
    await expect(embedding.dispose()).resolves.toBeUndefined();
    const again = await promptable.encode(image, { displayRange });
    await expect(promptable.decode(again, [{ segment: 1, geometry, box }])).resolves.toHaveLength(1);
  });

  test("memory that ran out fails the call alone: a new worker goes on with the other models", async () => {
    const segmenter = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    const before = await segmenter.segment(image, { intensity: identity });
    const greedy = await writeGreedyUnet(join(folder, "greedy"));
    const failing = await engine.loadSegmenter(greedy.manifest, greedy.manifestPath);
    await expect(failing.segment(image, { intensity: identity })).rejects.toMatchObject({
      code: "out-of-memory",
      hint: expect.stringContaining("smaller model"),
      details: { feeds: ["image float32[1,1,4,6]"] },
    });
    expect(await segmenter.segment(image, { intensity: identity })).toEqual(before);
    expect(workers.length).toBe(2);
  });

  test("everything can be disposed twice, and is gone then", async () => {
    const segmenter = await engine.loadSegmenter(unet.manifest, unet.manifestPath);
    const promptable = await engine.loadPromptable(sam.manifest, sam.manifestPath);
    const embedding = await promptable.encode(image, { displayRange });
    expect(await engine.stats()).toMatchObject({ sessions: 3, embeddings: 1, embeddingBytes: 1024 });
    await engine.clearCache();
    for (const handle of [embedding, segmenter, promptable]) {
      await handle.dispose();
      await handle.dispose();
    }
    expect(await engine.stats()).toMatchObject({ sessions: 0, embeddings: 0, embeddingBytes: 0 });
    const disposed = { code: "disposed" };
    await expect(promptable.decode(embedding, [])).rejects.toMatchObject(disposed);
    await expect(segmenter.segment(image, { intensity: identity })).rejects.toMatchObject(disposed);
    await engine.dispose();
    await engine.dispose();
    await expect(engine.stats()).rejects.toMatchObject(disposed);
  });
});

test("a worker whose script does not load is a crash with a reason, not a hang", async () => {
  const missing = createWorkerEngine({ createWorker: () => nodeWorker(new URL("./missing.ts", import.meta.url)) });
  await expect(missing).rejects.toMatchObject({
    code: "worker-crashed",
    details: { reason: expect.stringMatching(/missing/) },
  });
});
