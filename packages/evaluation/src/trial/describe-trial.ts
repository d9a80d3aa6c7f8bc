import type { PairedComparison } from "../cohort/paired.ts";
import type { Interval } from "../statistics/bootstrap.ts";
import type { ClassTrial, TrialDecision } from "./choose-arm.ts";

export interface TrialWords {
  /** E.g. "10 validation images". */
  readonly cases: string;
}

/** The outcome of a trial for the people who will use the plan: whether SAM is on, what it changed, what is used. */
export function describeTrial(decision: TrialDecision, { cases }: TrialWords): string {
  const { arms, chosen, evidence } = decision;
  const first = arms[0]!;
  const used = arms.find(({ name }) => name === chosen)!;
  if (decision.byClass !== undefined && evidence !== undefined) {
    return describeByClass(decision.byClass, evidence, cases, first.name);
  }
  const cleanUp =
    used === first
      ? "The network's own masks are used."
      : `Plan ${chosen} is used: ${changed(used.difference?.meanDifference ?? null, null)} against the network alone.`;
  if (evidence === undefined) {
    return `SAM refinement was not tried for this model: on ${cases} only plans without it were compared. ${cleanUp}`;
  }
  const dice = `Dice by ${changed(evidence.meanDifference, evidence.interval)}`;
  if (used.usesSam) {
    return `SAM refinement (${chosen}) is on for this model: on ${cases} it changed ${dice} against ${evidence.baseline}, the best without SAM.`;
  }
  const harmed = arms.find(({ name }) => name === evidence.candidate)?.harmed;
  const loss = harmed === undefined ? "" : `, and that of ${harmed.label} by ${formatPoints(harmed.change)}`;
  return `SAM refinement is off for this model: on ${cases} its best strategy (${evidence.candidate}) changed ${dice} against ${evidence.baseline}${loss}. ${cleanUp}`;
}

function describeByClass(
  { choices, heldOut }: ClassTrial,
  evidence: PairedComparison,
  cases: string,
  first: string,
): string {
  const asking = choices.filter(({ usesSam }) => usesSam);
  const off = choices.filter(({ usesSam }) => !usesSam).map(({ label }) => label);
  const sam =
    asking.length === 0
      ? "SAM refinement is off for this model; each class has the clean-up that won for it"
      : `SAM refinement is on for ${asking.length} of ${choices.length} classes${off.length === 0 ? "" : ` (off for ${listed(off)})`}, each by the plan that won for it`;
  const measured = `on ${cases} it changed Dice by ${changed(evidence.meanDifference, evidence.interval)} against ${evidence.baseline}, the best plan without SAM.`;
  const honest =
    heldOut === undefined
      ? ""
      : ` Chosen without each case in turn and measured on it: ${changed(heldOut.meanDifference, heldOut.interval)} against ${first}.`;
  return `${sam}: ${measured}${honest}`;
}

function listed(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

function changed(difference: number | null, interval: Interval | null): string {
  const range =
    interval === null ? "" : ` (95 % interval ${formatPoints(interval.lower)} to ${formatPoints(interval.upper)})`;
  return `${formatPoints(difference)} points${range}`;
}

/** A difference of shares in signed points: "+1.2", "−0.3". */
export function formatPoints(difference: number | null): string {
  if (difference === null) return "–";
  const points = (100 * Math.abs(difference)).toFixed(1);
  if (Number(points) === 0) return "0.0";
  return `${difference > 0 ? "+" : "−"}${points}`;
}
