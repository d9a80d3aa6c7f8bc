import {
  predictQuality,
  QUALITY_FEATURES,
  type QualityFeatures,
  type QualityMethodId,
  type QualityModel,
  type QualityTerm,
} from "@samrefine/core";
import { areaUnderCurve, spearman } from "../statistics/association.ts";
import { quantile } from "../statistics/descriptive.ts";

/** One mask with what was measured of it and its true Dice. */
export interface QualitySample {
  /** Masks of one case are left out together. */
  readonly caseId: string;
  readonly features: QualityFeatures;
  readonly dice: number;
}

/** Fewer masks or cases than this fit nothing that would hold elsewhere. */
const MINIMUM_SAMPLES = 20;
const MINIMUM_CASES = 5;
/** With fewer, a fit of many features follows the networks and cases at hand. */
const MASKS_PER_FEATURE = 10;

/**
 * Fits the logit of the true Dice by a linear combination of standardised features, with a ridge that keeps small samples
 * from following noise.
 *
 * @returns undefined for fewer than 20 masks, 5 cases or 10 masks per feature that varies, or when nothing varies.
 */
export function fitQualityModel(samples: readonly QualitySample[], id: string): QualityModel | undefined {
  if (samples.length < MINIMUM_SAMPLES || new Set(samples.map(({ caseId }) => caseId)).size < MINIMUM_CASES) {
    return undefined;
  }
  const model = fitAll(samples, id);
  return model !== undefined && samples.length >= MASKS_PER_FEATURE * model.terms.length ? model : undefined;
}

function fitAll(samples: readonly QualitySample[], id: string): QualityModel | undefined {
  const targets = samples.map(({ dice }) => logitOf(dice));
  const intercept = targets.reduce((a, b) => a + b, 0) / targets.length;
  const scales = QUALITY_FEATURES.flatMap((feature): Omit<QualityTerm, "weight">[] => {
    const values = samples.flatMap(({ features }) => features[feature] ?? []);
    // What is known of a few masks only says more about them than about quality.
    if (values.length < samples.length / 2) return [];
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    return deviation > 1e-6 ? [{ feature, mean, deviation }] : [];
  });
  if (scales.length === 0) return undefined;
  const rows = samples.map(({ features }) =>
    scales.map(({ feature, mean, deviation }) => ((features[feature] ?? mean) - mean) / deviation),
  );
  const ridge = 1 + 0.05 * samples.length;
  const matrix = scales.map((_, i) =>
    scales.map((_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, i === j ? ridge : 0)),
  );
  const right = scales.map((_, i) => rows.reduce((sum, row, n) => sum + row[i]! * (targets[n]! - intercept), 0));
  const weights = solveSymmetric(matrix, right);
  return { id, intercept, terms: scales.map((scale, i) => ({ ...scale, weight: weights[i]! })) };
}

/** A Dice of 0 or 1 has no logit; beyond these all are alike to someone who looks for doubtful masks. */
function logitOf(dice: number): number {
  const clipped = Math.min(Math.max(dice, 0.02), 0.98);
  return Math.log(clipped / (1 - clipped));
}

/** Gaussian elimination; the ridge keeps pivots above zero. */
function solveSymmetric(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]!]);
  for (let i = 0; i < rows.length; i++) {
    for (let below = i + 1; below < rows.length; below++) {
      const factor = rows[below]![i]! / rows[i]![i]!;
      for (let j = i; j <= rows.length; j++) rows[below]![j]! -= factor * rows[i]![j]!;
    }
  }
  const solution = new Array<number>(rows.length).fill(0);
  for (let i = rows.length - 1; i >= 0; i--) {
    let value = rows[i]![rows.length]!;
    for (let j = i + 1; j < rows.length; j++) value -= rows[i]![j]! * solution[j]!;
    solution[i] = value / rows[i]![i]!;
  }
  return solution;
}

/** With fewer masks, chance alone orders them well or badly. */
export const MINIMUM_RANKED_MASKS = 10;

/** How well an estimate finds doubtful masks. */
export interface QualityRanking {
  readonly method: QualityMethodId;
  readonly masks: number;
  /** Rank correlation with the true Dice; null when it does not exist, or for fewer than {@link MINIMUM_RANKED_MASKS}. */
  readonly spearman: number | null;
  /** For the worst quarter by true Dice; 0.5 = chance. Null as above. */
  readonly areaUnderCurveWorstQuarter: number | null;
  readonly meanAbsoluteError: number;
}

export interface QualityChoice {
  readonly method: QualityMethodId;
  /** With `calibrated`. */
  readonly model: QualityModel | undefined;
  /** See {@link flagLimit}. */
  readonly flagBelow: number | undefined;
  readonly rankings: readonly QualityRanking[];
}

/** Correlation by which another estimate must beat the network's own. */
const MINIMUM_GAIN = 0.02;

/**
 * The estimate that a plan should use: the network's soft Dice, unless its agreement with itself on changed copies of the
 * image, or a fitted combination on cases that it was not fitted on (leave one case out), orders masks better by 0.02 in rank
 * correlation. Too few masks or cases choose nothing.
 */
export function chooseQuality(samples: readonly QualitySample[], id: string): QualityChoice {
  const softDices = samples.map(({ features }) => features.softDice);
  const soft = rankingOf("soft-dice", samples, softDices);
  const agreements = samples.flatMap(({ features }) => features.augmentationAgreement ?? []);
  const isMeasured = agreements.length === samples.length && samples.length > 0;
  const agreement = isMeasured ? [rankingOf("augmentation-agreement", samples, agreements)] : [];
  const model = fitQualityModel(samples, id);
  const limitOf = (estimates: readonly number[]): number | undefined =>
    flagLimit(
      estimates,
      samples.map(({ dice }) => dice),
    );
  if (model === undefined) {
    return { method: "soft-dice", model, flagBelow: limitOf(softDices), rankings: [soft, ...agreement] };
  }
  const estimates = samples.map((sample) => {
    const others = samples.filter(({ caseId }) => caseId !== sample.caseId);
    return predictQuality(fitAll(others, id) ?? model, sample.features);
  });
  const calibrated = rankingOf("calibrated", samples, estimates);
  const rankings = [soft, ...agreement, calibrated];
  const worthy = rankings.filter(({ spearman }) => (spearman ?? 0) >= (soft.spearman ?? 0) + MINIMUM_GAIN);
  const { method } = worthy.toSorted((a, b) => (b.spearman ?? 0) - (a.spearman ?? 0))[0] ?? soft;
  const isCalibrated = method === "calibrated";
  const chosen = isCalibrated ? estimates : method === "augmentation-agreement" ? agreements : softDices;
  return { method, model: isCalibrated ? model : undefined, flagBelow: limitOf(chosen), rankings };
}

/**
 * The estimate below which a mask is to be looked at: where the worst quarter by true Dice is told best from the rest, by the
 * share of it that lies below less the share of the others that does (Youden's index). Of limits that are alike the lowest.
 *
 * @param estimates one per mask, in the order of `actual`, its true Dice.
 * @returns undefined for fewer than 20 masks, and where no limit tells them apart by a quarter: such an estimate is no judge.
 */
export function flagLimit(estimates: readonly number[], actual: readonly number[]): number | undefined {
  const quarter = quantile(actual, 0.25);
  if (quarter === null || actual.length < MINIMUM_SAMPLES) return undefined;
  const bad = estimates.filter((_, n) => actual[n]! <= quarter);
  const good = estimates.filter((_, n) => actual[n]! > quarter);
  const shareBelow = (values: readonly number[], limit: number): number =>
    values.filter((value) => value < limit).length / Math.max(1, values.length);
  const ascending = [...new Set(estimates)].sort((a, b) => a - b);
  let best = { limit: 0, index: MINIMUM_SEPARATION };
  for (const [n, value] of ascending.entries()) {
    // Between two estimates, so that neither lies on the limit; short enough to be read.
    const limit = Number(((value + (ascending[n + 1] ?? value)) / 2).toFixed(3));
    const index = shareBelow(bad, limit) - shareBelow(good, limit);
    if (index > best.index) best = { limit, index };
  }
  return best.limit > 0 ? best.limit : undefined;
}

const MINIMUM_SEPARATION = 0.25;

function rankingOf(
  method: QualityMethodId,
  samples: readonly QualitySample[],
  estimates: readonly number[],
): QualityRanking {
  const actual = samples.map(({ dice }) => dice);
  const isEnough = samples.length >= MINIMUM_RANKED_MASKS;
  const quarter = quantile(actual, 0.25);
  const errors = estimates.map((value, n) => Math.abs(value - actual[n]!));
  return {
    method,
    masks: samples.length,
    spearman: isEnough ? spearman(estimates, actual) : null,
    areaUnderCurveWorstQuarter:
      quarter === null || !isEnough
        ? null
        : areaUnderCurve(
            estimates.map((value) => -value),
            actual.map((value) => value <= quarter),
          ),
    meanAbsoluteError: errors.reduce((a, b) => a + b, 0) / Math.max(1, errors.length),
  };
}
