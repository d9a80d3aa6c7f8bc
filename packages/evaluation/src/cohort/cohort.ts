import type { MaskMetrics } from "@samrefine/core";
import { type BootstrapOptions, bootstrapMeanInterval, type Interval } from "../statistics/bootstrap.ts";
import { mean, quantile, sampleStandardDeviation } from "../statistics/descriptive.ts";

/** One class of one case, scored. */
export interface CaseScore {
  readonly caseId: string;
  /** Name of the class. */
  readonly label: string;
  readonly metrics: MaskMetrics;
  /** What the case shares with others, e.g. the patient; cases of one group are resampled together. Default: the case. */
  readonly group?: string | undefined;
}

/** The metrics that a cohort is averaged over. */
export type MetricName = "dice" | "iou" | "hd95" | "assd" | "surfaceDice" | "relativeVolumeError";

/** Whether a larger value of the metric is better; undefined where the best value lies in the middle. */
export const LARGER_IS_BETTER: Readonly<Record<MetricName, boolean | undefined>> = {
  dice: true,
  iou: true,
  surfaceDice: true,
  hd95: false,
  assd: false,
  relativeVolumeError: undefined,
};

/** The row of all classes together. */
export const ALL_CLASSES = "all classes";

/** How the bootstrap draws; its level is always 95 % and its groups are those of the cases. */
export type CohortOptions = Pick<BootstrapOptions, "seed" | "resamples">;

export interface CohortSummary {
  /** A class, or {@link ALL_CLASSES}. */
  readonly label: string;
  readonly metric: MetricName;
  /** Cases that have a value. */
  readonly count: number;
  readonly mean: number | null;
  readonly standardDeviation: number | null;
  readonly median: number | null;
  readonly interval: Interval | null;
  /** Class in the reference, nothing predicted. Dice counts it as 0; distances cannot and leave it out. */
  readonly missed: number;
  /** Predicted without being in the reference. No metric sees these, so they are to be shown beside it. */
  readonly falsePositives: number;
  /** In neither. */
  readonly absent: number;
}

/**
 * Averages scores over cases, per class and over all classes. The row of all classes averages each case over its classes
 * first (methods 1.9), so that a case counts once however many classes it has; it is there when there are several.
 * Values that do not exist (null) are left out and counted.
 */
export function summariseCohort(
  scores: readonly CaseScore[],
  metric: MetricName,
  options: CohortOptions = {},
): CohortSummary[] {
  const labels = [...new Set(scores.map(({ label }) => label))];
  const perClass = labels.map((label) =>
    summarise(
      label,
      metric,
      scores.filter((score) => score.label === label),
      options,
    ),
  );
  return labels.length < 2 ? perClass : [...perClass, summarise(ALL_CLASSES, metric, scores, options)];
}

/** A case's value: of its class, or the mean over its classes that have one. */
export interface CaseValue {
  readonly caseId: string;
  readonly group: string;
  readonly value: number;
}

/** One value per case, in order of first appearance; cases without a value are left out. */
export function caseValues(scores: readonly CaseScore[], metric: MetricName): CaseValue[] {
  const byCase = new Map<string, { group: string; values: number[] }>();
  for (const { caseId, group, metrics } of scores) {
    const entry = byCase.get(caseId) ?? { group: group ?? caseId, values: [] };
    byCase.set(caseId, entry);
    const value = metrics[metric];
    if (value !== null) entry.values.push(value);
  }
  return [...byCase].flatMap(([caseId, { group, values }]) => {
    const value = mean(values);
    return value === null ? [] : [{ caseId, group, value }];
  });
}

function summarise(
  label: string,
  metric: MetricName,
  scores: readonly CaseScore[],
  options: CohortOptions,
): CohortSummary {
  const cases = caseValues(scores, metric);
  const values = cases.map(({ value }) => value);
  const countOf = (status: MaskMetrics["status"]) => scores.filter(({ metrics }) => metrics.status === status).length;
  return {
    label,
    metric,
    count: values.length,
    mean: mean(values),
    standardDeviation: sampleStandardDeviation(values),
    median: quantile(values, 0.5),
    interval: bootstrapMeanInterval(values, { ...options, groups: cases.map(({ group }) => group) }),
    missed: countOf("missed"),
    falsePositives: countOf("false-positive"),
    absent: countOf("absent"),
  };
}
