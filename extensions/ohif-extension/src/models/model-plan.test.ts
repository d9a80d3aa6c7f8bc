import { presetPlan } from "@samrefine/core";
import { expect, test } from "vitest";
import { describePlan, planOf } from "./model-plan.ts";

const evidence = {
  summary: "SAM refinement is off for this model.",
  dataset: "teeth",
  cases: ["a"],
  model: "unet-tooth 1",
  arms: [],
  command: "samrefine calibrate",
};

test("the trial's words where there was a trial, the plan's own where a person chose it, a warning otherwise", () => {
  expect(describePlan({ plan: { ...presetPlan("raw"), evidence } })).toBe(
    "SAM refinement is off for this model. SAM is not asked, so there are no prompts to show or drag.",
  );
  expect(describePlan({ plan: presetPlan("ours") })).not.toMatch(/no prompts/);
  expect(describePlan({ plan: presetPlan("cleanup") })).toMatch(/^Plan cleanup: The largest component/);
  expect(describePlan({ plan: presetPlan("ours-propagate") })).toMatch(/Here slices are refined one by one\.$/);
  expect(planOf({}).id).toBe("ours");
  expect(describePlan({})).toMatch(/on by default; no trial/);
});

test("a person's choice overrides what was measured, and is described as what it is", () => {
  const manifest = { plan: { ...presetPlan("raw"), evidence } };
  expect(planOf(manifest, "with-sam").passes.length).toBeGreaterThan(0);
  expect(planOf({ plan: presetPlan("ours") }, "network-only").passes).toEqual([]);
  expect(planOf(manifest, "published").id).toBe("scb-asRun");
  expect(describePlan(manifest, "with-sam")).toMatch(/^Plan ours: /);
});
