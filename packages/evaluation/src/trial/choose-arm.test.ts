import { compareMasks } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import type { CaseScore } from "../cohort/cohort.ts";
import { chooseArm, type TrialArm } from "./choose-arm.ts";

/** A thousand reference pixels of which `shared` are found, none beside: Dice = 2 s / (1000 + 1000). */
function score(caseId: string, shared: number): CaseScore {
  const reference = Uint8Array.from({ length: 2000 }, (_, i) => (i < 1000 ? 1 : 0));
  const prediction = Uint8Array.from({ length: 2000 }, (_, i) => (i >= 1000 - shared && i < 2000 - shared ? 1 : 0));
  return {
    caseId,
    label: "x",
    metrics: compareMasks(reference, prediction, { size: [2000, 1, 1] }, { distances: false }),
  };
}

const arm = (name: string, usesSam: boolean, ...shared: number[]): TrialArm => ({
  name,
  usesSam,
  scores: shared.map((s, i) => score(`case ${i}`, s)),
});

describe("chooseArm", () => {
  const raw = arm("raw", false, 900, 900, 900);
  const cleanup = arm("cleanup", false, 910, 905, 900);

  test("SAM that gains 0.3 points is taken", () => {
    const decision = chooseArm([raw, cleanup, arm("ours", true, 915, 908, 903)]);
    expect(decision.chosen).toBe("ours");
    expect(decision.ranking.map(({ name }) => name)).toEqual(["ours", "cleanup", "raw"]);
    expect(decision.evidence).toMatchObject({ baseline: "cleanup", candidate: "ours", count: 3, better: 3 });
    expect(decision.evidence?.meanDifference).toBeCloseTo(0.0036667, 6);
    expect(decision.reason).toMatch(/^SAM helps here: mean Dice ours 90\.87 against cleanup 90\.50/);
  });

  test("SAM that gains less stays off, however it beats raw", () => {
    const decision = chooseArm([raw, cleanup, arm("ours", true, 912, 907, 902)]);
    expect(decision.chosen).toBe("cleanup");
    expect(decision.reason).toMatch(/^SAM stays off/);
    expect(chooseArm([raw, arm("ours", true, 912, 907, 902)], { minimumGain: 0.008 }).chosen).toBe("raw");
  });

  test("equal arms: the one named first", () => {
    expect(chooseArm([raw, { ...raw, name: "same" }]).chosen).toBe("raw");
  });

  test("refuses a menu that cannot say no, and arms of different cases", () => {
    expect(() => chooseArm([arm("ours", true, 900)])).toThrow(/needs an arm without SAM/);
    expect(() => chooseArm([])).toThrow(/needs an arm without SAM/);
    expect(() => chooseArm([raw, arm("ours", true, 950, 950)])).toThrow(/raw and ours score different cases/);
  });
});
