import { RefineError } from "@samrefine/core";
import { type CaseScore, type CohortOptions, caseValues } from "../cohort/cohort.ts";
import { compareWithBaseline, type PairedComparison } from "../cohort/paired.ts";
import { mean } from "../statistics/descriptive.ts";

/** One way to treat a data set, scored on its labelled cases by predictions of networks that had not seen them. */
export interface TrialArm {
  readonly name: string;
  /** Whether the arm asks SAM at all. */
  readonly usesSam: boolean;
  readonly scores: readonly CaseScore[];
}

export interface TrialOptions extends CohortOptions {
  /** Mean Dice by which SAM must beat the best arm without it. Default 0.003. */
  readonly minimumGain?: number | undefined;
}

export interface TrialDecision {
  readonly chosen: string;
  /** In words for the report and the panel. */
  readonly reason: string;
  /** Mean Dice of every arm over cases, best first. */
  readonly ranking: readonly { readonly name: string; readonly usesSam: boolean; readonly meanDice: number }[];
  /** Best arm with SAM against the best without; undefined when one kind is missing. */
  readonly evidence: PairedComparison | undefined;
}

/**
 * Chooses among a short menu of arms: the best one without SAM, unless the best one with SAM beats it by `minimumGain`. No
 * fixed setting helps on every data set, and a frozen SAM can do harm, so it has to earn its place. Keep the menu short: few
 * labelled cases mislead a large search. Equal means go to the arm named first.
 *
 * @throws RefineError `configuration` without an arm that leaves SAM out, or when the arms do not score the same cases and
 *   classes.
 */
export function chooseArm(arms: readonly TrialArm[], options: TrialOptions = {}): TrialDecision {
  const { minimumGain = 0.003, ...cohort } = options;
  requireSameCases(arms);
  const ranked = arms.map((arm) => ({ arm, meanDice: meanDice(arm) })).toSorted((a, b) => b.meanDice - a.meanDice);
  const ranking = ranked.map(({ arm: { name, usesSam }, meanDice }) => ({ name, usesSam, meanDice }));
  const without = ranked.find(({ arm }) => !arm.usesSam);
  const withSam = ranked.find(({ arm }) => arm.usesSam);
  if (without === undefined) {
    throw new RefineError(
      "configuration",
      `A trial needs an arm without SAM, found ${arms.map((a) => a.name).join(", ")}.`,
      {
        hint: "Add the plan raw to the menu.",
      },
    );
  }
  if (withSam === undefined) {
    const reason = `${without.arm.name} has the best mean Dice (${points(without.meanDice)}); no arm with SAM was tried.`;
    return { chosen: without.arm.name, reason, ranking, evidence: undefined };
  }
  const [evidence] = compareWithBaseline(without.arm, [withSam.arm], "dice", cohort);
  const gain = withSam.meanDice - without.meanDice;
  const isWorthIt = gain >= minimumGain;
  const measured = `${withSam.arm.name} ${points(withSam.meanDice)} against ${without.arm.name} ${points(without.meanDice)}`;
  const needed = `at least ${points(minimumGain)} points`;
  return {
    chosen: isWorthIt ? withSam.arm.name : without.arm.name,
    reason: isWorthIt
      ? `SAM helps here: mean Dice ${measured}, a gain of ${needed} was asked for.`
      : `SAM stays off: mean Dice ${measured}, a gain of ${needed} was asked for.`,
    ranking,
    evidence,
  };
}

const points = (dice: number): string => (100 * dice).toFixed(2);

function meanDice(arm: TrialArm): number {
  const value = mean(caseValues(arm.scores, "dice").map((entry) => entry.value));
  if (value !== null) return value;
  throw new RefineError("configuration", `Arm ${arm.name} has no case with a class to score.`, {
    details: { arm: arm.name },
  });
}

function requireSameCases(arms: readonly TrialArm[]): void {
  const keysOf = ({ scores }: TrialArm) =>
    scores
      .map(({ caseId, label }) => JSON.stringify([caseId, label]))
      .sort()
      .join("\n");
  const [first, ...others] = arms;
  if (first === undefined) return;
  const expected = keysOf(first);
  const different = others.find((arm) => keysOf(arm) !== expected);
  if (different === undefined) return;
  throw new RefineError("configuration", `Arms ${first.name} and ${different.name} score different cases or classes.`, {
    hint: "Run every arm on the same labelled cases.",
    details: { arms: [first.name, different.name] },
  });
}
