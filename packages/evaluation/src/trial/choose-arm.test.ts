import { parsePlan } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { arm, score } from "./arms.fixture.ts";
import { chooseArm, type TrialArm } from "./choose-arm.ts";
import { describeTrial } from "./describe-trial.ts";
import { trialMenu } from "./trial-menu.ts";

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

  test("arms that are alike: the cheaper one, named first", () => {
    expect(chooseArm([raw, arm("cleanup", false, 901, 901, 900)]).chosen).toBe("raw");
    expect(chooseArm([raw, arm("ours", true, 915, 905, 905), arm("ours-2", true, 915, 906, 905)]).chosen).toBe("ours");
  });

  test("an arm that pays for the mean with one class is not taken", () => {
    const twoClasses = (name: string, usesSam: boolean, large: number, small: number): TrialArm => ({
      name,
      usesSam,
      scores: [score("case", large), score("case", small, "small")],
    });
    const decision = chooseArm([twoClasses("raw", false, 900, 800), twoClasses("ours", true, 960, 790)]);
    expect(decision.chosen).toBe("raw");
    expect(decision.arms[1]?.harmed?.label).toBe("small");
    expect(decision.arms[1]?.harmed?.change).toBeCloseTo(-0.01, 6);
    expect(decision.reason).toMatch(/small changed by -1\.00 points/);
    expect(describeTrial(decision, { cases: "1 validation image" })).toBe(
      "SAM refinement is off for this model: on 1 validation image its best strategy (ours) changed Dice by +2.5 points against raw, and that of small by −1.0. The network's own masks are used.",
    );
  });

  test("what was chosen is said in words", () => {
    const words = { cases: "3 validation images" };
    expect(describeTrial(chooseArm([raw, cleanup, arm("ours", true, 880, 880, 880)]), words)).toMatch(
      /^SAM refinement is off for this model: on 3 validation images its best strategy \(ours\) changed Dice by −2\.5 points \(95 % interval −3\.0 to −2\.0\) against cleanup\. Plan cleanup is used: \+0\.5 points against the network alone\.$/,
    );
    expect(describeTrial(chooseArm([raw, arm("ours", true, 950, 950, 950)]), words)).toBe(
      "SAM refinement (ours) is on for this model: on 3 validation images it changed Dice by +5.0 points (95 % interval +5.0 to +5.0) against raw, the best without SAM.",
    );
    expect(describeTrial(chooseArm([raw]), words)).toBe(
      "SAM refinement was not tried for this model: on 3 validation images only plans without it were compared. The network's own masks are used.",
    );
  });

  test("the menu begins without SAM, has no name twice, and asks about rings only where there are some", () => {
    const menu = trialMenu();
    expect(menu[0]?.id).toBe("raw");
    expect(new Set(menu.map(({ id }) => id)).size).toBe(menu.length);
    expect(menu.some(({ rings }) => rings !== undefined)).toBe(false);
    for (const plan of trialMenu([{ ring: 2, inner: 1 }])) expect(parsePlan(plan)).toEqual(plan);
    expect(trialMenu([{ ring: 2, inner: 1 }]).at(-1)?.rings).toEqual([{ ring: 2, inner: 1 }]);
  });

  test("refuses a menu that cannot say no, and arms of different cases", () => {
    expect(() => chooseArm([arm("ours", true, 900)])).toThrow(/needs an arm without SAM/);
    expect(() => chooseArm([])).toThrow(/needs an arm without SAM/);
    expect(() => chooseArm([raw, arm("ours", true, 950, 950)])).toThrow(/raw and ours score different cases/);
  });
});
