import { presetPlan } from "@samrefine/core";
import { expect, test } from "vitest";
import { explainPlan } from "./load-plan.ts";

test("a plan is explained by the trial that chose it, otherwise by its own warning", () => {
  const plan = presetPlan("scb-asRun");
  expect(explainPlan(plan)).toBe(`Plan scb-asRun. ${plan.note}`);
  expect(plan.note).toMatch(/SAM/);
  const evidence = { summary: "Measured on 10 cases." } as NonNullable<typeof plan.evidence>;
  expect(explainPlan({ ...plan, evidence })).toBe("Plan scb-asRun. Measured on 10 cases.");
});
