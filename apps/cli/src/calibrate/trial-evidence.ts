import type { PlanEvidence, PlanEvidenceArm, PlanEvidenceClass } from "@samrefine/core";
import {
  type ClassChoice,
  describeTrial,
  formatPoints,
  type Interval,
  type PairedComparison,
  type Table,
  type TrialDecision,
  type TriedArm,
} from "@samrefine/evaluation";
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
    ...(decision.byClass && { classes: decision.byClass.choices.map(classEvidence) }),
    ...heldOutEvidence(decision.byClass?.heldOut),
    command: facts.command,
  };
}

function armEvidence({ name, usesSam, meanDice, interval, difference }: TriedArm): PlanEvidenceArm {
  return {
    plan: name,
    usesSam,
    dice: rounded(meanDice),
    ...(interval === null ? {} : { interval: roundedInterval(interval) }),
    ...differenceEvidence(difference),
  };
}

function classEvidence({ label, arm, usesSam, meanDice, difference }: ClassChoice): PlanEvidenceClass {
  return { label, plan: arm, usesSam, dice: rounded(meanDice), ...differenceEvidence(difference) };
}

function differenceEvidence(
  difference: PairedComparison | undefined,
): Pick<PlanEvidenceArm, "difference" | "differenceInterval"> {
  const range = difference?.interval ?? null;
  return {
    difference: rounded(difference?.meanDifference ?? 0),
    ...(range === null ? {} : { differenceInterval: roundedInterval(range) }),
  };
}

function heldOutEvidence(found: PairedComparison | undefined): Pick<PlanEvidence, "heldOut"> {
  if (found === undefined || found.meanDifference === null) return {};
  const interval = found.interval === null ? {} : { interval: roundedInterval(found.interval) };
  return { heldOut: { difference: rounded(found.meanDifference), ...interval } };
}

const roundedInterval = ({ lower, upper }: Interval) => ({ lower: rounded(lower), upper: rounded(upper) });

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
      counts(arm.difference),
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

/** What was chosen for each class; undefined where one plan treats all. */
export function classTable({ byClass, arms }: TrialDecision): Table | undefined {
  if (byClass === undefined) return undefined;
  return {
    title: "By class",
    columns: ["class", "plan", "SAM", "Dice %", `Δ Dice to ${arms[0]!.name}`, "better / equal / worse"].map(
      (header) => ({ header }),
    ),
    rows: byClass.choices.map((choice) => [
      choice.label,
      choice.arm,
      choice.usesSam ? "yes" : "no",
      (100 * choice.meanDice).toFixed(1),
      difference(choice),
      counts(choice.difference),
    ]),
    notes: [
      "Means over the cases that have the class. The figures flatter the plans that were chosen by them; the last sentence below does not.",
    ],
  };
}

const counts = (difference: PairedComparison | undefined): string =>
  difference === undefined ? "–" : `${difference.better} / ${difference.equal} / ${difference.worse}`;

function difference({ difference }: Pick<TriedArm, "difference">): string {
  if (difference === undefined) return "–";
  const { meanDifference, interval } = difference;
  const points = formatPoints(meanDifference);
  return interval === null ? points : `${points} (${formatPoints(interval.lower)} to ${formatPoints(interval.upper)})`;
}
