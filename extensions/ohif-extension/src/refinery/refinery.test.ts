import { presetPlan, type RefinementResult, type Segmenter } from "@samrefine/core";
import type { InferenceEngine, LadderEngine } from "@samrefine/inference";
import type { SegmentationManifest } from "@samrefine/models";
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
