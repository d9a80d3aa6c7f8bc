import { createRandom, isRefineError, presetPlan } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { describe, expect, test } from "vitest";
import type { Sample } from "../data/sampler.ts";
import type { Warp } from "../data/warp.ts";
import { requireRecipe } from "../recipes/registry.ts";
import { decodeCheckpoint } from "../run/checkpoint.ts";
import { defaultConfiguration, parseConfiguration } from "../run/configuration.ts";
import { train } from "../run/train.ts";
import { brightnessGuide, brightnessSegmenter } from "../testing/brightness-segmenter.ts";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import { SamGuide } from "./sam-guide.ts";

const grid = { rows: 32, columns: 32 };
const pixels = 32 * 32;
const oneLabel = { labelCount: 1, activation: "sigmoid" } as const;

function sampleOf(caseId: string, warp?: Warp): Sample {
  return { caseId, slice: 0, planes: [], original: [], labels: undefined, warp };
}

/** Logits of a student that predicts the left half. */
const leftHalf = Float32Array.from({ length: pixels }, (_, pixel) => (pixel % 32 < 16 ? 3 : -3));

describe("SAM in the loop", () => {
  test("answers with its masks on the view of the sample", async () => {
    const dataset = diskDataset();
    const segmenter = brightnessSegmenter();
    const plan = presetPlan("msd-points-5");
    const sam = new SamGuide({ guide: brightnessGuide(segmenter), dataset, plan, grid, ...oneLabel });
    const mirror: Warp = {
      x: Float32Array.from({ length: pixels }, (_, pixel) => 31 - (pixel % 32)),
      y: Float32Array.from({ length: pixels }, (_, pixel) => Math.floor(pixel / 32)),
    };
    const samples = [sampleOf("unlabeled0"), sampleOf("unlabeled0", mirror)];
    const logits = { data: Float32Array.of(...leftHalf, ...leftHalf), dims: [2, 1, 32, 32] };
    const { target, heard } = await sam.answer(samples, logits, createRandom(1));
    const plain = target.data.subarray(0, pixels);
    const mirrored = target.data.subarray(pixels);
    expect(plain).toContain(1);
    expect(mirrored).toEqual(plain.map((_, pixel) => plain[pixel - (pixel % 32) + 31 - (pixel % 32)]!));
    expect(heard.data.every((weight) => weight === 1)).toBe(true);
    expect(segmenter.encodes).toBe(1);
    await sam.dispose();
    expect(segmenter.alive).toBe(0);
  });

  test("what the student does not see is not asked about and does not count", async () => {
    const segmenter = brightnessSegmenter();
    const plan = presetPlan("msd-points-5");
    const sam = new SamGuide({ guide: brightnessGuide(segmenter), dataset: diskDataset(), plan, grid, ...oneLabel });
    const logits = { data: new Float32Array(pixels).fill(-1), dims: [1, 1, 32, 32] };
    const { target, heard } = await sam.answer([sampleOf("unlabeled0")], logits, createRandom(1));
    expect([...target.data, ...heard.data]).not.toContain(1);
    expect(segmenter.encodes).toBe(0);
  });

  test("labels that exclude each other: one per pixel, nothing heard where a label got no answer", async () => {
    const plan = presetPlan("msd-box");
    const guide = brightnessGuide();
    const two = { labelCount: 2, activation: "softmax" } as const;
    const sam = new SamGuide({ guide, dataset: diskDataset(), plan, grid, ...two });
    // The student sees label 1 in all but two rows, label 2 in a dark corner of these.
    const isCorner = (pixel: number): boolean => pixel % 32 > 29 && pixel < 64;
    const of = (isThere: (pixel: number) => boolean) =>
      Float32Array.from({ length: pixels }, (_, pixel) => (isThere(pixel) ? 5 : 0));
    const logits = [new Float32Array(pixels).fill(1), of((pixel) => pixel >= 64), of(isCorner)];
    const { target, heard } = await sam.answer(
      [sampleOf("unlabeled0")],
      { data: Float32Array.from(logits.flatMap((values) => [...values])), dims: [1, 3, 32, 32] },
      createRandom(1),
    );
    expect(target.dims).toEqual([1, 3, 32, 32]);
    expect(heard.dims).toEqual([1, 1, 32, 32]);
    for (let pixel = 0; pixel < pixels; pixel++) {
      expect(target.data[pixel]! + target.data[pixels + pixel]! + target.data[2 * pixels + pixel]!).toBe(1);
    }
    expect(target.data.subarray(pixels, 2 * pixels)).toContain(1);
    expect(heard.data).toContain(1);
    expect(target.data.subarray(2 * pixels)).not.toContain(1);
    expect([...heard.data].filter((_, pixel) => isCorner(pixel))).toEqual([0, 0, 0, 0]);
    await sam.dispose();
  });

  test("no more embeddings are alive than the limit says", async () => {
    const segmenter = brightnessSegmenter();
    const guide = { ...brightnessGuide(segmenter), embeddingLimit: 2 };
    const sam = new SamGuide({ guide, dataset: diskDataset(), plan: presetPlan("msd-points-1"), grid, ...oneLabel });
    for (const id of ["unlabeled0", "unlabeled1", "unlabeled2", "unlabeled2", "unlabeled1", "unlabeled0"]) {
      await sam.answer([sampleOf(id)], { data: leftHalf, dims: [1, 1, 32, 32] }, createRandom(1));
      expect(segmenter.alive).toBeLessThanOrEqual(2);
    }
    expect(segmenter.encodes).toBe(4);
    await sam.dispose();
  });
});

describe.each(["semisam", "samatch"])("the recipe %s", (recipe) => {
  const configuration = parseConfiguration({
    ...defaultConfiguration,
    ...requireRecipe(recipe).defaults,
    recipe,
    steps: 6,
    batchSize: 2,
    unlabeledBatchSize: 2,
    grid,
    network: { kind: "scb-unet", width: 2, levels: 2 },
    augmentation: { affine: 0.05 },
    validation: { every: 3, cases: 1 },
  });
  const base = () => ({ configuration, dataset: diskDataset(), createSession: createRawSession, store: memoryStore() });

  test("encodes every slice once, reads no label of an unlabelled case and leaves no embedding behind", async () => {
    const segmenter = brightnessSegmenter();
    const disks = diskDataset();
    const read: string[] = [];
    const dataset = {
      ...disks,
      readLabels: (id: string) => {
        read.push(id);
        return disks.readLabels(id);
      },
    };
    await train({ ...base(), dataset, promptable: brightnessGuide(segmenter) });
    expect(segmenter.prompts.length).toBeGreaterThan(0);
    expect(segmenter.encodes).toBeLessThanOrEqual(disks.caseIds("unlabeled").length);
    expect(segmenter.alive).toBe(0);
    expect(read.some((id) => id.startsWith("unlabeled"))).toBe(false);
  });

  test("resumed it computes what the uninterrupted run would have", async () => {
    const whole = base();
    await train({ ...whole, promptable: brightnessGuide() });
    const parts = base();
    const controller = new AbortController();
    const interrupted = train({
      ...parts,
      promptable: brightnessGuide(),
      signal: controller.signal,
      onStep: ({ step }) => step === 4 && controller.abort("enough"),
    });
    await expect(interrupted).rejects.toBe("enough");
    await train({ ...parts, promptable: brightnessGuide(), resume: true });
    const parameters = ({ store }: ReturnType<typeof base>) =>
      decodeCheckpoint(store.files.get("checkpoint.bin")!).vectors.parameters;
    expect(parameters(parts)).toEqual(parameters(whole));
  });

  test("is refused without a promptable model", async () => {
    await expect(train(base())).rejects.toSatisfy((error: unknown) => isRefineError(error, "configuration"));
  });
});
