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
  expect(describePlan({ plan: { ...presetPlan("raw"), evidence } })).toBe("SAM refinement is off for this model.");
  expect(describePlan({ plan: presetPlan("cleanup") })).toMatch(/^Plan cleanup: The largest component/);
  expect(planOf({}).id).toBe("ours");
  expect(describePlan({})).toMatch(/on by default; no trial/);
});
