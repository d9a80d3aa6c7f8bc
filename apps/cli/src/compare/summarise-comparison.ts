import type { RefinementPlan } from "@samrefine/core";
import {
  areaUnderCurve,
  type CaseScore,
  caseValues,
  compareWithBaseline,
  MINIMUM_RANKED_MASKS,
  mean,
  type PairedComparison,
  quantile,
  spearman,
} from "@samrefine/evaluation";
import { type ClassSummary, summariseScores } from "../evaluation/evaluation-report.ts";
import type { QualityPair, StrategyCase } from "./compare-case.ts";

/** How far the estimated Dice of single masks can be trusted. */
export interface QualityReliability {
  readonly masks: number;
  /** Rank correlation of estimated and true Dice; null when it does not exist, or for fewer than 10 masks. */
  readonly spearman: number | null;
  /** How well a low estimate points to the masks in the worst quarter by true Dice; 0.5 = not at all. Null as above. */
  readonly areaUnderCurveWorstQuarter: number | null;
  /** Mean absolute difference of estimated and true Dice. */
  readonly meanAbsoluteError: number | null;
  readonly meanEstimated: number | null;
  readonly bins: readonly ReliabilityBin[];
}

export interface ReliabilityBin {
  /** Estimated Dice from `lower` up to, not including, `upper` (the last bin includes 1). */
  readonly lower: number;
  readonly upper: number;
  readonly masks: number;
  readonly meanEstimated: number;
  readonly meanActual: number;
}

export interface StrategySummary {
  readonly plan: RefinementPlan;
  readonly classes: readonly ClassSummary[];
  /** The row that speaks for the strategy: all classes, or the only one. */
  readonly overall: ClassSummary;
  /** Dice against the first strategy; undefined for the first itself. */
  readonly difference: PairedComparison | undefined;
  readonly differencePerClass: readonly PairedComparison[];
  /** Masks over all cases, counted as in {@link StrategyCase}. */
  readonly masks: {
    readonly refined: number;
    readonly kept: number;
    readonly skipped: number;
    readonly absent: number;
    readonly degenerateBoxes: number;
  };
  /** Share of the proposed masks that SAM's answer replaced; 0 without SAM. */
  readonly samUsedFraction: number;
  /** Share of the masks that the plan's rule accepts; null where the plan has no rule, or there is no mask. */
  readonly acceptedFraction: number | null;
  readonly secondsPerCase: { readonly mean: number; readonly median: number };
  readonly quality: QualityReliability;
  /** Case ids with the largest, the median and the smallest gain (of the first strategy: Dice). */
  readonly shown: readonly {
    readonly role: "best" | "median" | "worst";
    readonly case: StrategyCase;
    readonly value: number;
  }[];
}

/** Puts the strategies side by side; the first plan is the baseline of all differences. */
export function summariseComparison(
  plans: readonly RefinementPlan[],
  cases: readonly StrategyCase[],
  seed: number,
): readonly StrategySummary[] {
  const methods = plans.map((plan) => {
    const own = cases.filter(({ planId }) => planId === plan.id);
    return { plan, cases: own, name: plan.id, scores: own.flatMap(({ scores }) => scores) };
  });
  const [baseline, ...candidates] = methods;
  if (baseline === undefined) return [];
  const overall = compareWithBaseline(baseline, candidates, "dice", { seed });
  const labels = [...new Set(baseline.scores.map(({ label }) => label))];
  const perClass = labels.map((label) => compareWithBaseline(baseline, candidates, "dice", { seed, label }));
  return methods.map((method, index): StrategySummary => {
    const classes = summariseScores(method.scores, seed);
    const total = (countOf: (entry: StrategyCase) => number): number =>
      method.cases.reduce((sum, entry) => sum + countOf(entry), 0);
    const [refined, kept] = [total((entry) => entry.refinedMasks), total((entry) => entry.keptMasks)];
    const isJudged = method.plan.accept !== undefined && refined + kept > 0;
    const seconds = method.cases.map((entry) => entry.seconds);
    return {
      plan: method.plan,
      classes,
      overall: classes.at(-1)!,
      difference: index === 0 ? undefined : overall[index - 1],
      differencePerClass: index === 0 ? [] : perClass.map((comparisons) => comparisons[index - 1]!),
      masks: {
        ...{ refined, kept },
        skipped: total((entry) => entry.skippedMasks),
        absent: total((entry) => entry.absentMasks),
        degenerateBoxes: total((entry) => entry.degenerateBoxes),
      },
      samUsedFraction: refined + kept === 0 ? 0 : refined / (refined + kept),
      acceptedFraction: isJudged ? total((entry) => entry.acceptedMasks ?? 0) / (refined + kept) : null,
      secondsPerCase: {
        mean: seconds.reduce((sum, value) => sum + value, 0) / Math.max(1, seconds.length),
        median: quantile(seconds, 0.5) ?? 0,
      },
      quality: measureReliability(method.cases.flatMap(({ estimates }) => estimates)),
      shown: chooseShown(method.cases, index === 0 ? undefined : baseline.scores),
    };
  });
}

/** Equal-width bins of 0.1 of the estimate; empty ones are left out. */
export function measureReliability(pairs: readonly QualityPair[]): QualityReliability {
  const estimated = pairs.map((pair) => pair.estimated);
  const actual = pairs.map((pair) => pair.actual);
  const isEnough = pairs.length >= MINIMUM_RANKED_MASKS;
  const quarter = quantile(actual, 0.25);
  const bins = Array.from({ length: 10 }, (_, bin): ReliabilityBin => {
    const inside = pairs.filter((pair) => Math.min(9, Math.floor(pair.estimated * 10)) === bin);
    const meanOf = (values: readonly number[]): number =>
      values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
    return {
      lower: bin / 10,
      upper: (bin + 1) / 10,
      masks: inside.length,
      meanEstimated: meanOf(inside.map((pair) => pair.estimated)),
      meanActual: meanOf(inside.map((pair) => pair.actual)),
    };
  }).filter(({ masks }) => masks > 0);
  const errors = pairs.map((pair) => Math.abs(pair.estimated - pair.actual));
  return {
    masks: pairs.length,
    spearman: isEnough ? spearman(estimated, actual) : null,
    areaUnderCurveWorstQuarter:
      quarter === null || !isEnough
        ? null
        : areaUnderCurve(
            estimated.map((value) => -value),
            actual.map((value) => value <= quarter),
          ),
    meanAbsoluteError: mean(errors),
    meanEstimated: mean(estimated),
    bins,
  };
}

function chooseShown(
  cases: readonly StrategyCase[],
  baseline: readonly CaseScore[] | undefined,
): StrategySummary["shown"] {
  const before = new Map(caseValues(baseline ?? [], "dice").map(({ caseId, value }) => [caseId, value]));
  const ranked = cases
    .flatMap((entry) => {
      const dice = caseValues(entry.scores, "dice")[0]?.value;
      const reference = baseline === undefined ? 0 : before.get(entry.caseId);
      return dice === undefined || reference === undefined ? [] : [{ case: entry, value: dice - reference }];
    })
    .sort((a, b) => b.value - a.value);
  const [best, median, worst] = [ranked[0], ranked[(ranked.length - 1) >> 1], ranked.at(-1)];
  if (best === undefined || median === undefined || worst === undefined) return [];
  const chosen = [
    { role: "best", ...best },
    { role: "median", ...median },
    { role: "worst", ...worst },
  ] as const;
  // With one or two cases the same picture would be shown twice.
  return chosen.filter((entry, index) => chosen.findIndex((other) => other.case === entry.case) === index);
}
