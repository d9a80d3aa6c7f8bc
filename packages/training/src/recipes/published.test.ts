import { describe, expect, test } from "vitest";
import { defaultConfiguration, parseConfiguration, type TrainingConfiguration } from "../run/configuration.ts";
import { createSchedule, rampUp } from "../schedule/schedule.ts";
import { recipes, requireRecipe } from "./registry.ts";
import { consistencyWeight } from "./unlabeled-stream.ts";

function published(recipe: string): TrainingConfiguration {
  return parseConfiguration({ ...defaultConfiguration, ...requireRecipe(recipe).paper, recipe });
}

const SGD = { kind: "sgd", momentum: 0.9, weightDecay: 1e-4 };

/** Methods.md by section; batch is labelled + unlabelled images. */
const benchmark = { rate: 0.01, optimiser: SGD, loss: "ce-dice", network: "ssl4mis-unet", width: 16, rows: 256 };
const burden = { batch: [16, 4], rate: 1e-3, loss: "bce", network: "scb-unet", width: 64, rows: 384 };
const adamw = { kind: "adamw", weightDecay: 0 };
const table = [
  { recipe: "supervised", section: "1.4", ...burden, optimiser: adamw, steps: 1050 },
  { recipe: "pseudo-label", section: "1.4", ...burden, optimiser: adamw, steps: 10_850 },
  { recipe: "mean-teacher", section: "5.1", ...benchmark, batch: [12, 12], steps: 30_000, average: 0.99 },
  { recipe: "ua-mt", section: "5.1", ...benchmark, batch: [12, 12], steps: 30_000, average: 0.99 },
  { recipe: "cps", section: "5.1", ...benchmark, batch: [12, 12], steps: 30_000 },
  { recipe: "fixmatch", section: "3.5", ...benchmark, batch: [2, 2], steps: 30_000 },
  { recipe: "unimatch", section: "3.6", ...benchmark, batch: [4, 4], steps: 30_000 },
  { recipe: "semisam", section: "2.2", ...benchmark, batch: [1, 3], rows: 128, steps: 6000, average: 0.99 },
  { recipe: "samatch", section: "3.6", ...benchmark, batch: [2, 2], steps: 30_000 },
] as const;

describe("the profile of the publication", () => {
  test("there is one for every recipe", () => {
    expect(table.map(({ recipe }) => recipe)).toEqual([...recipes.keys()]);
  });

  test.each(table)("$recipe has the numbers of section $section", (row) => {
    const { steps, batchSize, unlabeledBatchSize, learningRate, optimiser, loss, network, grid, ...rest } = published(
      row.recipe,
    );
    expect([batchSize, unlabeledBatchSize]).toEqual(row.batch);
    expect({ steps, learningRate, optimiser }).toEqual({
      steps: row.steps,
      learningRate: row.rate,
      optimiser: row.optimiser,
    });
    expect(loss.kind).toBe(row.loss);
    expect(network).toEqual({ kind: row.network, width: row.width, levels: 5 });
    expect(grid.rows).toBe(row.rows);
    expect(rest.clipNorm).toBeNull();
    expect(rest.averageDecay).toBe("average" in row ? row.average : null);
  });

  test.each([
    ["supervised", 525, 1e-3 * (0.01 + 0.99 / 2)],
    ["cps", 15_000, 0.01 * 0.5 ** 0.9],
    ["samatch", 27_000, 0.01 * 0.1 ** 0.9],
    ["semisam", 2499, 0.01],
    ["semisam", 2500, 0.001],
    ["semisam", 5000, 0.0001],
  ])("learning rate of %s at step %i", (recipe, step, expected) => {
    const { schedule, learningRate, steps } = published(recipe);
    expect(createSchedule(schedule, learningRate, steps)(step)).toBeCloseTo(expected, 9);
  });

  test.each(["mean-teacher", "ua-mt", "cps", "fixmatch"])("consistency of %s is 0.1 · ramp(⌊t/150⌋, 200)", (recipe) => {
    const configuration = published(recipe);
    for (const step of [1500, 15_000, 28_500]) {
      expect(consistencyWeight(step, configuration)).toBeCloseTo(0.1 * rampUp(step / 150, 200), 9);
    }
    expect(consistencyWeight(999, configuration) === 0).toBe(recipe === "mean-teacher");
    expect(consistencyWeight(1000, configuration)).toBeGreaterThan(0);
  });

  test("SAM's terms, confidence, noise and teacher passes", () => {
    expect(published("semisam").guidance?.weight).toBe(0.05);
    expect(published("samatch").guidance).toMatchObject({ weight: 0.1, plan: { id: "samatch-fix-acdc" } });
    expect(published("fixmatch").consistency.confidence).toBe(0.95);
    expect(published("unimatch").consistency).toMatchObject({ weight: 1, confidence: 0.95 });
    expect(published("ua-mt").consistency).toMatchObject({ teacherPasses: 8, noise: 0.1 });
  });

  test("augmentation: affine noise for burden, a turn or a rotation for the benchmark, always a turn for SemiSAM", () => {
    expect(published("supervised").augmentation.affine).toBe(0.03);
    expect(published("cps").augmentation.turnOrRotate).toEqual({ turn: 0.5, rotate: 0.5, degrees: 20 });
    expect(published("semisam").augmentation.turnOrRotate?.turn).toBe(1);
    expect(published("samatch").consistency.strongView).toBe("color-jitter");
  });
});
