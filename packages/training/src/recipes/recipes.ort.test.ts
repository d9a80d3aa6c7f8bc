import { isRefineError } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { describe, expect, test } from "vitest";
import { defaultConfiguration, type TrainingConfiguration } from "../run/configuration.ts";
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
