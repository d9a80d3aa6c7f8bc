import { createRandom, parsePlan, predictQuality, presetPlan } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { chooseQuality, fitQualityModel, flagLimit, type QualitySample } from "./fit-quality.ts";

/** Masks whose Dice follows SAM's agreement; the network's soft Dice knows nothing. */
function samples(count: number, seed = 7): QualitySample[] {
  const random = createRandom(seed);
  return Array.from({ length: count }, (_, n) => {
    const agreement = random.next();
    const dice = 1 / (1 + Math.exp(-(6 * agreement - 3 + 0.2 * random.normal())));
    return { caseId: `case ${n % 8}`, dice, features: { softDice: random.next(), agreement, predictedIou: 0.9 } };
  });
}

describe("fitQualityModel", () => {
  test("finds what Dice follows, and leaves out what does not vary", () => {
    const model = fitQualityModel(samples(80), "made up");
    expect(model?.terms.map(({ feature }) => feature)).toEqual(["softDice", "agreement"]);
    const [soft, agreement] = model?.terms ?? [];
    expect(Math.abs(soft?.weight ?? 1)).toBeLessThan(0.2);
    expect(agreement?.weight).toBeGreaterThan(1);
    const estimate = (value: number) => model && predictQuality(model, { softDice: 0.5, agreement: value });
    expect(estimate(0.5)).toBeCloseTo(0.5, 1);
    expect(estimate(1)).toBeGreaterThan(0.85);
    expect(estimate(0)).toBeLessThan(0.15);
  });

  test("a plan with the model survives its parser", () => {
    const qualityModel = fitQualityModel(samples(40), "made up");
    const plan = { ...presetPlan("ours"), quality: "calibrated", qualityModel, flagBelow: 0.7 };
    expect(parsePlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });

  test("too few masks or cases, or nothing to go by, fit nothing", () => {
    expect(fitQualityModel(samples(19), "x")).toBeUndefined();
    expect(
      fitQualityModel(
        samples(40).map((sample) => ({ ...sample, caseId: "one" })),
        "x",
      ),
    ).toBeUndefined();
    expect(fitQualityModel(samples(20), "two features")).toBeDefined();
    const three = samples(29).map((sample, n) => ({
      ...sample,
      features: { ...sample.features, stability: (n * 0.61) % 1 },
    }));
    expect(fitQualityModel(three, "three features")).toBeUndefined();
    const flat = samples(40).map((sample) => ({ ...sample, features: { softDice: 0.9 } }));
    expect(fitQualityModel(flat, "x")).toBeUndefined();
  });
});

describe("chooseQuality", () => {
  test("takes the agreement of views where it orders best, which needs no fit", () => {
    const agreeing = samples(80).map(
      ({ caseId, dice }, n): QualitySample => ({
        ...{ caseId, dice },
        features: { softDice: (n * 0.37) % 1, augmentationAgreement: dice ** 2 },
      }),
    );
    const choice = chooseQuality(agreeing, "made up");
    expect(choice).toMatchObject({ method: "augmentation-agreement", model: undefined });
    expect(choice.rankings.map(({ method }) => method)).toEqual(["soft-dice", "augmentation-agreement", "calibrated"]);
    expect(chooseQuality(agreeing.slice(0, 6), "few").method).toBe("soft-dice");
  });

  test("takes the fit where it orders unseen cases better", () => {
    const choice = chooseQuality(samples(80), "made up");
    expect(choice.method).toBe("calibrated");
    expect(choice.model).toBeDefined();
    expect(choice.flagBelow).toBeGreaterThan(0);
    const [soft, calibrated] = choice.rankings;
    expect(Math.abs(soft?.spearman ?? 1)).toBeLessThan(0.3);
    expect(calibrated?.spearman).toBeGreaterThan(0.9);
    expect(calibrated?.areaUnderCurveWorstQuarter).toBeGreaterThan(0.9);
  });

  test("noise is not believed, because cases are left out", () => {
    const random = createRandom(3);
    const noise = samples(24).map(
      (sample): QualitySample => ({
        ...sample,
        features: {
          softDice: sample.dice + 0.05 * random.normal(),
          agreement: random.next(),
          stability: random.next(),
        },
      }),
    );
    expect(chooseQuality(noise, "x")).toMatchObject({ method: "soft-dice", model: undefined });
    expect(chooseQuality(samples(5), "x").rankings).toHaveLength(1);
  });
});

describe("flagLimit", () => {
  const dice = Array.from({ length: 40 }, (_, n) => n / 40);

  test("lies where the worst quarter ends, whatever the estimates are worth", () => {
    // All estimates are far too low, as those of a network that is never sure.
    const limit = flagLimit(
      dice.map((value) => 0.3 + value / 4),
      dice,
    );
    expect(limit).toBeCloseTo(0.3 + 9.5 / 160, 2);
  });

  test("is not there for few masks, or for an estimate that tells nothing", () => {
    expect(flagLimit(dice.slice(0, 19), dice.slice(0, 19))).toBeUndefined();
    expect(
      flagLimit(
        dice.map(() => 0.9),
        dice,
      ),
    ).toBeUndefined();
    expect(
      flagLimit(
        dice.map((value) => 1 - value),
        dice,
      ),
    ).toBeUndefined();
  });
});
