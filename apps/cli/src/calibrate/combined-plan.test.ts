import { planForSegment, presetPlan } from "@samrefine/core";
import { trialMenu } from "@samrefine/evaluation";
import { expect, test } from "vitest";
import { combinedPlan, familyOf } from "./combined-plan.ts";

const menu = trialMenu();
const arm = (name: string) => ({ name, usesSam: name.startsWith("ours"), scores: [] });

test("plans that look at other views of the image are families of their own", () => {
  const families = menu.map((plan) => [plan.id, familyOf(plan, menu)]);
  expect(families.filter(([, family]) => family === "raw-flipped").map(([id]) => id)).toEqual([
    "raw-flipped",
    "ours-flipped",
  ]);
  expect(new Set(families.map(([, family]) => family))).toEqual(new Set(["raw", "raw-flipped", "raw-augmented"]));
  expect(familyOf(presetPlan("scb-rw"), menu)).toBe("scb-rw");
});

test("each class by the plan that won it, with words for it", () => {
  const assignment = new Map([
    ["liver", arm("ours-components")],
    ["spine", arm("raw")],
    ["spleen", arm("ours-components")],
  ]);
  const labels = [
    { name: "liver", value: 1 },
    { name: "spine", value: 2 },
    { name: "spleen", value: 3 },
  ];
  const plan = combinedPlan(assignment, menu, { labels });
  expect(plan.id).toBe("by-class");
  expect(plan.note).toBe(
    "To each class the plan that won its trial: ours-components for liver, spleen; raw for spine.",
  );
  expect(planForSegment(plan, 2).passes).toEqual([]);
  expect(planForSegment(plan, 3)).toMatchObject({ target: "component", samWeight: 0.7 });
});
