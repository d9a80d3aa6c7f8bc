import {
  type PromptableSegmenter,
  presetPlan,
  RefineError,
  type RefineErrorCode,
  type RefinementResult,
  type Segmenter,
} from "@samrefine/core";
import type { InferenceEngine, LadderEngine } from "@samrefine/inference";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import { expect, test } from "vitest";
import { decodeLabels } from "../labelmap/runs.ts";
import { decodedFrame } from "../series/decoded-frame.fixture.ts";
import { upperHalf } from "../session/study-run.fixture.ts";
import { createRefinery, sliceResult } from "./refinery.ts";

const geometry = { columns: 8, rows: 8 };
const frame = decodedFrame({
  geometry,
  data: Uint8Array.from({ length: 64 }, (_, i) => (i < 32 ? 250 : 5)),
  isScaled: true,
  bitsStored: 8,
});
const concept = { value: "85756007", scheme: "SCT", meaning: "Tissue" };
const manifest: SegmentationManifest = {
  ...upperHalf,
  labels: [{ number: 1, label: "Upper half", colorRgb: [1, 2, 3], category: concept, type: concept }],
};

/** A network that finds what is bright (it is fed 0..1), and no promptable model at all. */
function engineWithoutSam(): LadderEngine {
  const segmenter: Segmenter = {
    modelId: manifest.id,
    digest: "0",
    segment: async (image) => ({
      geometry: image.geometry,
      segments: [
        {
          number: 1,
          mask: { geometry, data: Uint8Array.from(image.data, (value) => Number(value > 0.5)) },
          probability: Float32Array.from(image.data, (value) => value),
        },
      ],
    }),
    dispose: async () => {},
  };
  const unused = (): never => {
    throw new Error("not needed here");
  };
  return {
    backend: { description: "test" } as InferenceEngine["backend"],
    rungs: ["wasm"],
    choices: () => [],
    choose: unused,
    loadSegmenter: async () => segmenter,
    loadPromptable: unused,
    stats: unused,
    clearCache: unused,
    dispose: async () => {},
  };
}

test("a plan without SAM runs where no SAM was loaded; a plan with SAM says that it is missing", async () => {
  const refinery = createRefinery(async () => engineWithoutSam());
  await refinery.loadSegmenter({ manifest, url: "https://models.test/manifest.json" }, {});
  const slices = [{ key: "slice", frame }];
  const result = await refinery.segmentSlice({ modelId: manifest.id, plan: presetPlan("raw"), slices }, {});
  expect(decodeLabels(result.labels)).toEqual(Uint8Array.from({ length: 64 }, (_, i) => Number(i < 32)));
  expect(result.segments).toMatchObject([{ areaPixels: 32, outcome: "kept-initial", reason: undefined, objects: [] }]);
  await expect(refinery.segmentSlice({ modelId: manifest.id, plan: presetPlan("ours"), slices }, {})).rejects.toThrow(
    "No promptable model is loaded.",
  );
});

test("where two segments overlap the more probable one is shown and the other one is kept as hidden", () => {
  const grid = { columns: 4, rows: 1 };
  const segment = (number: number, mask: number[]) => ({
    number,
    mask: { geometry: grid, data: Uint8Array.from(mask) },
  });
  const kept = { kind: "kept-initial", reason: "plan-without-sam", prompts: [], quality: { value: 0.9 } };
  const result = {
    planId: "raw",
    stack: {
      geometry: grid,
      segments: [segment(1, [1, 1, 1, 0]), segment(2, [0, 1, 1, 1]), segment(3, [0, 0, 0, 0])],
    },
    logits: new Map([
      [1, { box: { xMin: 0, yMin: 0, xMax: 2, yMax: 0 }, data: Float32Array.of(30, 40, 0.5) }],
      [2, { box: { xMin: 1, yMin: 0, xMax: 3, yMax: 0 }, data: Float32Array.of(20, 1, 2) }],
    ]),
    outcomes: new Map<number, unknown>([
      [1, kept],
      [2, kept],
      [3, { kind: "absent" }],
    ]),
  } as unknown as RefinementResult;
  const { labels, hidden, segments } = sliceResult(result, 0);
  expect([...decodeLabels(labels)]).toEqual([1, 1, 2, 2]);
  expect(hidden).toEqual([
    { number: 1, pixels: Uint32Array.of(2) },
    { number: 2, pixels: Uint32Array.of(1) },
  ]);
  expect(segments).toMatchObject([
    { number: 1, areaPixels: 3, outcome: "kept-initial", estimatedDice: 0.9 },
    { number: 2, areaPixels: 3, outcome: "kept-initial", estimatedDice: 0.9 },
    { number: 3, areaPixels: 0, outcome: "absent", estimatedDice: undefined, objects: [] },
  ]);
});

/** The faults that are put in are met one after the other, by whatever model is asked. */
function faultyEngine(faults: readonly RefineErrorCode[]) {
  const left = [...faults];
  const log: string[] = [];
  const meet = (what: string): void => {
    log.push(what);
    const code = what === "encode" ? undefined : left.shift();
    if (code) throw new RefineError(code, "The inference worker stopped.");
  };
  const sound = engineWithoutSam();
  let alive = 0;
  const sam: PromptableSegmenter = {
    modelId: "sam",
    digest: "0",
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    encode: async (image) => {
      meet("encode");
      alive++;
      return { geometry: image.geometry, origin: "encoded", dispose: async () => void alive-- };
    },
    decode: async (_, prompts) => {
      meet("decode");
      const data = Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 4 : -4));
      return prompts.map(() => ({
        mask: { geometry, data: Uint8Array.from(data, (value) => Number(value > 0)) },
        logits: { box: { xMin: 0, yMin: 0, xMax: 7, yMax: 7 }, data },
        lowResLogits: { width: 8, height: 8, data },
        predictedIou: 0.9,
        token: 0,
      }));
    },
    dispose: async () => {},
  };
  const engine: LadderEngine = {
    ...sound,
    loadSegmenter: async (...args) => {
      const segmenter = await sound.loadSegmenter(...args);
      return {
        ...segmenter,
        segment: async (image, options) => {
          meet("segment");
          return segmenter.segment(image, options);
        },
      };
    },
    loadPromptable: async () => sam,
  };
  return { engine, log, alive: () => alive };
}

async function refineryOver(engine: LadderEngine) {
  const refinery = createRefinery(async () => engine);
  await refinery.loadSegmenter({ manifest, url: "https://models.test/manifest.json" }, {});
  await refinery.loadPromptable({ manifest: { id: "sam" } as PromptableManifest, url: "" }, {});
  return refinery;
}

test.each(["worker-crashed", "out-of-memory"] as const)(
  "a slice that met %s is segmented by the next worker",
  async (code) => {
    const { engine, log, alive } = faultyEngine([code]);
    const refinery = await refineryOver(engine);
    const request = { modelId: manifest.id, plan: presetPlan("ours"), slices: [{ key: "slice", frame }] };
    const result = await refinery.segmentSlice(request, {});
    const untroubled = await (await refineryOver(faultyEngine([]).engine)).segmentSlice(request, {});
    expect(result).toEqual(untroubled);
    expect(log.filter((event) => event === "segment")).toHaveLength(2);
    expect(alive()).toBe(0);
  },
);

test("a fault that comes again, one of the model, and cancelling are not tried again", async () => {
  const request = { modelId: manifest.id, plan: presetPlan("raw"), slices: [{ key: "slice", frame }] };
  const again = await refineryOver(faultyEngine(["worker-crashed", "worker-crashed"]).engine);
  await expect(again.segmentSlice(request, {})).rejects.toMatchObject({ code: "worker-crashed" });
  await expect(again.segmentSlice(request, {})).resolves.toMatchObject({ segments: [{ areaPixels: 32 }] });
  const broken = await refineryOver(faultyEngine(["inference"]).engine);
  await expect(broken.segmentSlice(request, {})).rejects.toMatchObject({ code: "inference" });
  const cancel = new AbortController();
  const { engine, log } = faultyEngine(["worker-crashed"]);
  const cancelled = (await refineryOver(engine)).segmentSlice(request, { signal: cancel.signal });
  cancel.abort("study closed");
  await expect(cancelled).rejects.toBe("study closed");
  expect(log).toEqual(["segment"]);
});

test("a click whose embedding went with the worker has the image encoded again", async () => {
  const { engine, log, alive } = faultyEngine([]);
  const refinery = await refineryOver(engine);
  const prompt = { segment: 1, geometry, points: [{ x: 4, y: 1, label: "foreground" as const }] };
  const request = { slice: { key: "slice", frame }, displayRange: undefined, prompt, initial: undefined };
  const first = await refinery.decode(request, {});
  expect([first.embedding, (await refinery.decode(request, {})).embedding]).toEqual(["encoded", "kept"]);

  const lost = faultyEngine(["worker-crashed"]);
  const other = await refineryOver(lost.engine);
  const answer = await other.decode(request, {});
  expect(answer).toEqual(first);
  expect(lost.log).toEqual(["encode", "decode", "encode", "decode"]);
  expect([alive(), lost.alive()]).toEqual([1, 1]);
  expect(log).toEqual(["encode", "decode", "decode"]);
});
