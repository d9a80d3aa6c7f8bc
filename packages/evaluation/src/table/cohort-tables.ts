import { type CohortSummary, LARGER_IS_BETTER, type MetricName } from "../cohort/cohort.ts";
import type { PairedComparison } from "../cohort/paired.ts";
import type { Table } from "./table.ts";

const METRIC_TITLES: Readonly<Record<MetricName, string>> = {
  dice: "Dice",
  iou: "IoU",
  hd95: "HD95",
  assd: "ASSD",
  surfaceDice: "Surface Dice",
  relativeVolumeError: "Relative volume error",
};

/** Decimals that a reader can use: distances in tenths, shares in ten-thousandths. */
const decimalsOf = (metric: MetricName | undefined): number => (metric === "hd95" || metric === "assd" ? 2 : 4);

/** One row per class and metric. Rows may mix metrics; their names are in the second column. */
export function cohortTable(title: string, summaries: readonly CohortSummary[]): Table {
  const metrics = [...new Set(summaries.map(({ metric }) => metric))];
  const decimals = Math.max(2, ...metrics.map(decimalsOf));
  return {
    title,
    columns: [
      { header: "class" },
      { header: "metric" },
      { header: "n" },
      { header: "mean", decimals },
      { header: "sd", decimals },
      { header: "95 % CI low", decimals },
      { header: "95 % CI high", decimals },
      { header: "median", decimals },
      { header: "missed" },
      { header: "false positives" },
    ],
    rows: summaries.map((summary) => [
      summary.label,
      METRIC_TITLES[summary.metric],
      summary.count,
      summary.mean,
      summary.standardDeviation,
      summary.interval?.lower ?? null,
      summary.interval?.upper ?? null,
      summary.median,
      summary.missed,
      summary.falsePositives,
    ]),
    notes: [
      "CI: percentile bootstrap of the mean over independent cases. sd: over cases.",
      "A missed class counts as 0 in Dice, IoU and surface Dice and is left out of distances; false positives enter no mean.",
      "Research use only.",
    ],
  };
}

/** One row per candidate. */
export function comparisonTable(title: string, comparisons: readonly PairedComparison[]): Table {
  const decimals = decimalsOf(comparisons[0]?.metric);
  const directions = [...new Set(comparisons.map(({ metric }) => metric))].map((metric) => {
    const larger = LARGER_IS_BETTER[metric];
    const best = larger === undefined ? "closer to 0" : larger ? "larger" : "smaller";
    return `${METRIC_TITLES[metric]}: ${best} is better.`;
  });
  return {
    title,
    columns: [
      { header: "baseline" },
      { header: "candidate" },
      { header: "class" },
      { header: "metric" },
      { header: "n" },
      { header: "mean difference", decimals },
      { header: "95 % CI low", decimals },
      { header: "95 % CI high", decimals },
      { header: "better / equal / worse" },
      { header: "p", decimals: 4 },
      { header: "p, Bonferroni", decimals: 4 },
    ],
    rows: comparisons.map((comparison) => [
      comparison.baseline,
      comparison.candidate,
      comparison.label,
      METRIC_TITLES[comparison.metric],
      comparison.count,
      comparison.meanDifference,
      comparison.interval?.lower ?? null,
      comparison.interval?.upper ?? null,
      `${comparison.better} / ${comparison.equal} / ${comparison.worse}`,
      comparison.test.pValue,
      comparison.adjustedPValue,
    ]),
    notes: [
      "Differences are candidate minus baseline, per case. p: Wilcoxon signed-rank test, two-sided.",
      ...directions,
      "Research use only.",
    ],
  };
}
