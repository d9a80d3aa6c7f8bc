import type { PlanEvidence, PlanEvidenceArm } from "@samrefine/core";
import { describeTrial, formatPoints, type Table, type TrialDecision, type TriedArm } from "@samrefine/evaluation";
import { formatPercent } from "../evaluation/format-summary.ts";

export interface TrialFacts {
  readonly dataset: string;
  readonly cases: readonly string[];
  /** E.g. "10 validation images". */
  readonly casesInWords: string;
  readonly model: string;
  readonly sam: string | undefined;
  readonly command: string;
}

/** What the trial leaves in the plan. */
export function trialEvidence(decision: TrialDecision, facts: TrialFacts): PlanEvidence {
  return {
    summary: describeTrial(decision, { cases: facts.casesInWords }),
    dataset: facts.dataset,
    cases: facts.cases,
    model: facts.model,
    ...(facts.sam === undefined ? {} : { sam: facts.sam }),
    arms: decision.arms.map(armEvidence),
    command: facts.command,
  };
}

function armEvidence({ name, usesSam, meanDice, interval, difference }: TriedArm): PlanEvidenceArm {
  const range = difference?.interval;
  return {
    plan: name,
    usesSam,
    dice: rounded(meanDice),
    ...(interval === null ? {} : { interval: { lower: rounded(interval.lower), upper: rounded(interval.upper) } }),
    difference: rounded(difference?.meanDifference ?? 0),
    ...(range === undefined || range === null
      ? {}
      : { differenceInterval: { lower: rounded(range.lower), upper: rounded(range.upper) } }),
  };
}

/** Five digits: a thousandth of a point, far below what a trial can tell. */
const rounded = (value: number): number => Number(value.toFixed(5));

/** The arms side by side: for the terminal and the model card. */
export function trialTable({ arms, chosen }: TrialDecision, { model, dataset, casesInWords }: TrialFacts): Table {
  return {
    title: `${model} on ${dataset}: trial on ${casesInWords}`,
    columns: [
      ...["plan", "SAM", "Dice %", `Δ Dice to ${arms[0]!.name}`, "better / equal / worse", "worst class"],
      "taken",
    ].map((header) => ({ header })),
    rows: arms.map((arm) => [
      arm.name,
      arm.usesSam ? "yes" : "no",
      formatPercent({ mean: arm.meanDice, interval: arm.interval }),
      difference(arm),
      arm.difference === undefined
        ? "–"
        : `${arm.difference.better} / ${arm.difference.equal} / ${arm.difference.worse}`,
      arm.harmed === undefined ? "–" : `${arm.harmed.label} ${formatPoints(arm.harmed.change)}`,
      arm.name === chosen ? "yes" : "",
    ]),
    notes: [
      "Mean over cases of the mean over classes; 95 % bootstrap interval over cases in brackets. Δ in points.",
      "SAM has to win by 0.3 points; of plans within 0.1 points the first is taken. Worst class: loses more than 0.5 points, which rules a plan out.",
      "Research use only.",
    ],
  };
}

function difference({ difference }: TriedArm): string {
  if (difference === undefined) return "–";
  const { meanDifference, interval } = difference;
  const points = formatPoints(meanDifference);
  return interval === null ? points : `${points} (${formatPoints(interval.lower)} to ${formatPoints(interval.upper)})`;
}
