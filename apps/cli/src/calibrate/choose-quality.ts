import type { RefinementPlan } from "@samrefine/core";
import type { QualityChoice, QualitySample, Table } from "@samrefine/evaluation";
import type { PlanRun } from "../compare/run-plans.ts";
import { formatNumber, formatRanking } from "../evaluation/format-summary.ts";
import { maskDice } from "../evaluation/mask-dice.ts";

/** Every mask that a plan made of a case, with what was measured of it and its true Dice on the slice. */
export function qualitySamples(
  caseId: string,
  { outcomes, labels }: PlanRun,
  reference: readonly Uint8Array[],
): readonly QualitySample[] {
  return outcomes.flatMap(({ outcomes: ofSlice }, k) =>
    [...ofSlice].flatMap(([number, outcome]): QualitySample[] => {
      if (outcome.kind === "absent") return [];
      const dice = maskDice(labels[k]!, reference[k]!, number);
      return dice === undefined ? [] : [{ caseId, features: outcome.features, dice }];
    }),
  );
}

/** The plan with the estimate that was chosen for it, and where that estimate is to be doubted. */
export function withQuality(plan: RefinementPlan, { method, model, flagBelow }: QualityChoice): RefinementPlan {
  const limit = flagBelow === undefined ? {} : { flagBelow };
  if (method !== "soft-dice") return { ...plan, quality: method, ...(model && { qualityModel: model }), ...limit };
  // A plan that reports another estimate keeps it, and a limit of the network's own says nothing of that.
  return plan.quality === undefined || plan.quality === "soft-dice" ? { ...plan, ...limit } : plan;
}

/** The estimates side by side: how well each finds doubtful masks of cases that it was not fitted on. */
export function qualityTable({ rankings, method }: QualityChoice): Table {
  return {
    title: "Estimated against true quality",
    columns: ["estimate", "masks", "Spearman", "AUC worst quarter", "mean abs. error", "taken"].map((header) => ({
      header,
    })),
    rows: rankings.map((ranking) => [
      ranking.method,
      String(ranking.masks),
      formatRanking(ranking.spearman, ranking.masks),
      formatRanking(ranking.areaUnderCurveWorstQuarter, ranking.masks),
      formatNumber(ranking.meanAbsoluteError, 3),
      ranking.method === method ? "yes" : "",
    ]),
    notes: ["The fitted estimate is measured on cases left out of its fit."],
  };
}
