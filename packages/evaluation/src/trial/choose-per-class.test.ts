import { describe, expect, test } from "vitest";
import { score } from "./arms.fixture.ts";
import type { TrialArm } from "./choose-arm.ts";
import { assignAll, assignPerClass, chooseCombined, measureHeldOut, tryPerClass } from "./choose-per-class.ts";
import { describeTrial } from "./describe-trial.ts";

/** Per class the shared pixels (of 1000) case by case: ten are a point of Dice. */
function arm(
  name: string,
  usesSam: boolean,
  shared: Readonly<Record<string, readonly number[]>>,
  family = "f",
): TrialArm {
  const scores = Object.entries(shared).flatMap(([label, values]) =>
    values.map((value, index) => score(`case ${index}`, value, label)),
  );
  return { name, usesSam, family, scores };
}

const names = (assignment: ReadonlyMap<string, TrialArm>) =>
  Object.fromEntries([...assignment].map(([label, { name }]) => [label, name]));

const raw = arm("raw", false, { liver: [900, 900, 900], spleen: [900, 900, 900], spine: [900, 900, 900] });
const ours = arm("ours", true, { liver: [930, 925, 935], spleen: [920, 920, 920], spine: [880, 885, 890] });

describe("choosing class by class", () => {
  test("SAM is on where it wins and off where it harms", () => {
    expect(names(assignAll([raw, ours]))).toEqual({ liver: "raw", spleen: "raw", spine: "raw" });
    expect(names(assignPerClass([raw, ours]))).toEqual({ liver: "ours", spleen: "ours", spine: "raw" });
  });

  test("SAM has to win by 0.3 points in the class", () => {
    const close = arm("ours", true, { liver: [902, 902, 902], spleen: [904, 904, 904], spine: [900, 900, 900] });
    expect(names(assignPerClass([raw, close]))).toEqual({ liver: "raw", spleen: "ours", spine: "raw" });
  });

  test("no exception without a reason: the arm of all classes stays where it is alike", () => {
    const cleanup = arm("cleanup", false, { liver: [950, 950, 950], spleen: [900, 900, 900], spine: [901, 900, 900] });
    expect(names(assignPerClass([raw, cleanup]))).toEqual({ liver: "cleanup", spleen: "cleanup", spine: "cleanup" });
  });

  test("arms of different families do not go together", () => {
    const flipped = arm(
      "flipped",
      false,
      { liver: [940, 940, 940], spleen: [910, 910, 910], spine: [850, 850, 850] },
      "g",
    );
    expect(names(assignPerClass([raw, flipped, ours]))).toEqual({ liver: "ours", spleen: "ours", spine: "raw" });
    const better = { ...flipped, scores: flipped.scores.map((s) => score(s.caseId, 950, s.label)) };
    expect(names(assignPerClass([raw, better, ours]))).toEqual({
      liver: "flipped",
      spleen: "flipped",
      spine: "flipped",
    });
    const samOnly = arm(
      "ours-flipped",
      true,
      { liver: [990, 990, 990], spleen: [990, 990, 990], spine: [990, 990, 990] },
      "h",
    );
    expect(names(assignPerClass([raw, ours, samOnly])).spine).toBe("raw");
  });

  test("held out: a gain that one case alone makes is not there on the others", () => {
    const lucky = arm("lucky", true, { liver: [1000, 890, 890], spleen: [900, 900, 900], spine: [900, 900, 900] });
    expect(names(assignPerClass([raw, lucky])).liver).toBe("lucky");
    const found = measureHeldOut([raw, lucky], (arms) => assignPerClass(arms));
    // Without its lucky case the arm is not chosen, and with it only the two others are measured.
    expect(found?.meanDifference).toBeLessThan(0);
    expect(tryPerClass([raw, lucky])).toBeUndefined();
    expect(measureHeldOut([arm("raw", false, { liver: [900] })], assignAll)).toBeUndefined();
  });

  test("a choice that is worse than none on left-out cases is not made, even where one arm for all is worse still", () => {
    const lucky = arm("lucky", false, { liver: [1000, 890, 890], spleen: [1000, 850, 850], spine: [900, 900, 900] });
    const other = arm("other", false, { liver: [900, 900, 900], spleen: [900, 900, 900], spine: [1000, 890, 890] });
    const [byClass, forAll] = [assignPerClass, assignAll].map((choose) =>
      measureHeldOut([raw, lucky, other], (arms) => choose(arms)),
    );
    expect(byClass?.meanDifference).toBeLessThan(0);
    expect(forAll?.meanDifference).toBeLessThanOrEqual(0);
    expect(tryPerClass([raw, lucky, other])).toBeUndefined();
  });

  test("one plan for all, or one class: nothing to try", () => {
    expect(tryPerClass([raw])).toBeUndefined();
    const one = arm("raw", false, { liver: [900, 900] });
    expect(tryPerClass([one, arm("ours", true, { liver: [950, 950] })])).toBeUndefined();
  });

  test("the combined plan is taken as it measured, and said in words", () => {
    const byClass = tryPerClass([raw, ours])!;
    expect(byClass.choices.map(({ label, arm, usesSam }) => [label, arm, usesSam])).toEqual([
      ["liver", "ours", true],
      ["spleen", "ours", true],
      ["spine", "raw", false],
    ]);
    const combined = arm("by-class", true, { liver: [930, 925, 935], spleen: [920, 920, 920], spine: [900, 900, 899] });
    const decision = chooseCombined([raw, ours], combined, byClass);
    expect(decision).toMatchObject({ chosen: "by-class", evidence: { baseline: "raw", candidate: "by-class" } });
    expect(decision.arms.map(({ name }) => name)).toEqual(["raw", "ours", "by-class"]);
    expect(describeTrial(decision, { cases: "3 validation volumes" })).toMatch(
      /^SAM refinement is on for 2 of 3 classes \(off for spine\), each by the plan that won for it: on 3 validation volumes it changed Dice by \+1\.7 points \(95 % interval .*\) against raw, the best plan without SAM\. Chosen without each case in turn and measured on it: \+1\.7 points \(.*\) against raw\.$/,
    );
  });

  test("a combination that does not measure better, or harms a class after all, is left", () => {
    const byClass = tryPerClass([raw, ours])!;
    const same = arm("by-class", true, { liver: [900, 900, 900], spleen: [900, 900, 900], spine: [900, 900, 900] });
    expect(chooseCombined([raw, ours], same, byClass)).toMatchObject({ chosen: "raw" });
    const harmful = arm("by-class", true, { liver: [990, 990, 990], spleen: [990, 990, 990], spine: [880, 880, 880] });
    const left = chooseCombined([raw, ours], harmful, byClass);
    expect(left).toMatchObject({ chosen: "raw", evidence: { candidate: "ours" } });
    expect(left.byClass).toBeUndefined();
    expect(describeTrial(left, { cases: "3 images" })).toMatch(/^SAM refinement is off/);
  });
});
