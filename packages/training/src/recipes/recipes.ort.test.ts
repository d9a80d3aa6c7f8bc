import { isRefineError } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { describe, expect, test } from "vitest";
import { parseModelDescription } from "../report/description.ts";
import { trainedModelManifest } from "../report/model-package.ts";
import { defaultConfiguration, parseConfiguration, type TrainingConfiguration } from "../run/configuration.ts";
import { train } from "../run/train.ts";
import { brightnessGuide } from "../testing/brightness-segmenter.ts";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import { recipes, requireRecipe } from "./registry.ts";

const tiny: TrainingConfiguration = {
  ...defaultConfiguration,
  steps: 80,
  batchSize: 2,
  unlabeledBatchSize: 2,
  grid: { rows: 32, columns: 32 },
  network: { kind: "scb-unet", width: 4, levels: 3 },
  learningRate: 5e-3,
  consistency: { ...defaultConfiguration.consistency, weight: 0.5, teacherPasses: 2 },
  augmentation: { affine: 0.05, flip: "horizontal" },
  validation: { every: 40, cases: 4 },
};

const options = () => ({
  dataset: diskDataset(),
  createSession: createRawSession,
  store: memoryStore(),
  promptable: brightnessGuide(),
});

describe("every recipe learns disks", () => {
  test.each([...recipes.values()])("$name", async ({ name, defaults, usesUnlabeled }) => {
    const terms = new Set<string>();
    const result = await train({
      ...options(),
      configuration: { ...tiny, ...defaults, recipe: name },
      onStep: (report) => {
        for (const [term, value] of Object.entries(report.terms)) if (value > 0) terms.add(term);
      },
    });
    expect(result.final?.meanDice).toBeGreaterThan(0.7);
    // The unsupervised part takes part, and is not the whole loss.
    expect(terms).toContain("bce");
    expect(terms.has("consistency") || terms.has("cross") || terms.has("sam")).toBe(usesUnlabeled);
  });
});

describe("labels that exclude each other are learnt as well", () => {
  test.each(["supervised", "fixmatch", "samatch"])("%s", async (name) => {
    const { defaults } = requireRecipe(name);
    const loss = { ...tiny.loss, kind: "ce-dice" } as const;
    const result = await train({ ...options(), configuration: { ...tiny, ...defaults, loss, recipe: name } });
    expect(result.final?.meanDice).toBeGreaterThan(0.7);
  });
});

describe("every recipe as published, but small, ends and exports", () => {
  test.each([...recipes.values()])("$name", async ({ name, paper }) => {
    const terms = new Set<string>();
    const published = { ...defaultConfiguration, ...paper };
    const configuration = parseConfiguration({
      ...published,
      recipe: name,
      steps: 4,
      batchSize: 2,
      unlabeledBatchSize: 2,
      grid: tiny.grid,
      network: { ...published.network, width: 2, levels: 3 },
      consistency: { ...published.consistency, teacherPasses: 2 },
      validation: { every: 4, cases: 1 },
    });
    const dataset = diskDataset({ depth: 3 });
    const result = await train({
      ...options(),
      dataset,
      configuration,
      onStep: (report) => {
        for (const term of Object.keys(report.terms)) terms.add(term);
      },
    });
    const isChoice = !["supervised", "pseudo-label"].includes(name);
    expect([...terms]).toEqual(expect.arrayContaining(isChoice ? ["ce", "dice"] : ["bce"]));
    expect(result.history.losses.every(Number.isFinite)).toBe(true);
    const manifest = await trainedModelManifest(result, dataset, parseModelDescription({ id: "disks" }, "test"));
    expect(manifest.activation).toBe(isChoice ? "softmax" : "sigmoid");
    const session = await createRawSession(result.model);
    const image = { data: new Float32Array(1024), dims: [1, 1, 32, 32] };
    const { logits } = await session.run({ image });
    expect(logits!.dims).toEqual([1, isChoice ? 2 : 1, 32, 32]);
    await session.dispose();
  });
});

test.each(["bce-dice", "ce-dice"] as const)("entropy is a term of the loss where it is weighed, %s", async (kind) => {
  const weighed = async (entropyWeight: number) => {
    const entropies: (number | undefined)[] = [];
    const consistency = { ...tiny.consistency, entropyWeight };
    const loss = { ...tiny.loss, kind };
    const configuration = { ...tiny, recipe: "mean-teacher", steps: 15, consistency, loss };
    await train({ ...options(), configuration, onStep: ({ terms }) => entropies.push(terms.entropy) });
    return entropies;
  };
  const [without, little, much] = [await weighed(0), await weighed(1e-6), await weighed(1)];
  expect(new Set(without)).toEqual(new Set([undefined]));
  // The same first prediction; its minimisation makes later ones more decided.
  expect(much[0]).toBeCloseTo(little[0]!, 6);
  expect(much.at(-1)).toBeLessThan(little.at(-1)!);
});

test("case weights decide what is learnt: of two contradicting label sets the heavier wins", async () => {
  const dataset = diskDataset({ labeled: 4 });
  const inverted = new Set(["labeled2", "labeled3"]);
  const readTrainingLabels = async (id: string) => {
    const labels = await dataset.readLabels(id);
    if (!inverted.has(id)) return labels;
    return { ...labels, slices: labels.slices.map((slice) => slice.map((value) => 1 - value)) };
  };
  const caseWeights = new Map([...inverted].map((id) => [id, 0]));
  const configuration = { ...tiny, recipe: "pseudo-label" };
  const weighted = await train({ ...options(), dataset, configuration, readTrainingLabels, caseWeights });
  expect(weighted.final?.meanDice).toBeGreaterThan(0.7);
});

test("an unknown recipe is refused with the list of known ones", () => {
  expect(() => requireRecipe("magic")).toThrow(
    expect.toSatisfy((error: unknown) => isRefineError(error, "configuration") && /mean-teacher/.test(error.hint)),
  );
});

test("a recipe for unlabelled images needs some", async () => {
  const dataset = diskDataset();
  const without = {
    ...dataset,
    caseIds: (split: "labeled" | "unlabeled" | "val" | "test") => (split === "unlabeled" ? [] : dataset.caseIds(split)),
  };
  const run = train({ ...options(), dataset: without, configuration: { ...tiny, recipe: "mean-teacher" } });
  await expect(run).rejects.toSatisfy((error: unknown) => isRefineError(error, "dataset"));
});
