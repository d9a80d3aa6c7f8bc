import { RefineError } from "@samrefine/core";
import { type CaseScore, type CohortOptions, caseValues } from "../cohort/cohort.ts";
import { compareWithBaseline, type PairedComparison } from "../cohort/paired.ts";
import { bootstrapMeanInterval, type Interval } from "../statistics/bootstrap.ts";
import { mean } from "../statistics/descriptive.ts";

/** One way to treat a data set, scored on its labelled cases by predictions of networks that had not seen them. */
export interface TrialArm {
  readonly name: string;
  /** Whether the arm asks SAM at all. */
  readonly usesSam: boolean;
  readonly scores: readonly CaseScore[];
  /** Arms of one family can be one plan that treats some classes by the one and some by the other. Default: all can. */
  readonly family?: string | undefined;
}

export interface TrialOptions extends CohortOptions {
  /** Mean Dice by which SAM must beat the best arm without it. Default 0.003. */
  readonly minimumGain?: number | undefined;
  /** Arms whose mean Dice differs by less are alike, and the one named first is taken. Default 0.001. */
  readonly alikeWithin?: number | undefined;
  /** An arm that lowers the mean Dice of any class by more than this, against the first arm, is not taken. Default 0.005. */
  readonly maximumClassLoss?: number | undefined;
}

/** The limits that a trial goes by, defaults filled in. */
export function trialLimits(options: TrialOptions): {
  readonly minimumGain: number;
  readonly alikeWithin: number;
  readonly maximumClassLoss: number;
} {
  const { minimumGain = 0.003, alikeWithin = 0.001, maximumClassLoss = 0.005 } = options;
  return { minimumGain, alikeWithin, maximumClassLoss };
}

export interface TriedArm {
  readonly name: string;
  readonly usesSam: boolean;
  /** Mean over cases of the mean over classes. */
  readonly meanDice: number;
  readonly interval: Interval | null;
  /** Against the first arm; undefined for the first itself. */
  readonly difference: PairedComparison | undefined;
  /** The class that forbids the arm, with the change of its mean Dice. */
  readonly harmed: { readonly label: string; readonly change: number } | undefined;
}

export interface TrialDecision {
  readonly chosen: string;
  /** The rule and what it saw, for the log. {@link describeTrial} says it to users. */
  readonly reason: string;
  /** In the order of the menu. */
  readonly arms: readonly TriedArm[];
  /** The same, best mean Dice first. */
  readonly ranking: readonly TriedArm[];
  /** Best arm with SAM against the best without; undefined when one kind is missing. */
  readonly evidence: PairedComparison | undefined;
  /** Where classes are treated by different arms. */
  readonly byClass?: ClassTrial;
}

/** A choice class by class, and what choosing so is worth. */
export interface ClassTrial {
  readonly assignment: ClassAssignment;
  readonly choices: readonly ClassChoice[];
  /** Against the first arm, on cases that took no part in the choice; undefined with a single case. */
  readonly heldOut: PairedComparison | undefined;
  /** The same where one arm is chosen for all classes. */
  readonly heldOutOfOne: PairedComparison | undefined;
}

/** Which arm treats which class. */
export type ClassAssignment = ReadonlyMap<string, TrialArm>;

export interface ClassChoice {
  readonly label: string;
  readonly arm: string;
  readonly usesSam: boolean;
  /** Mean over the cases that have the class. */
  readonly meanDice: number;
  /** Against the first arm of the trial; undefined where that itself was chosen. */
  readonly difference: PairedComparison | undefined;
}

/**
 * Chooses among a short menu of arms: the best one without SAM, unless the best one with SAM beats it by `minimumGain`. No
 * fixed setting helps on every data set, and a frozen SAM can do harm, so it has to earn its place; an arm that pays for the
 * mean with one class is not taken. Keep the menu short and in order of cost: few labelled cases mislead a large search, and
 * of arms that are alike the one named first is taken.
 *
 * @param arms the first is the network alone: it leaves SAM out, and is what losses of single classes are measured against.
 * @throws RefineError `configuration` when the first arm asks SAM, or when the arms do not score the same cases and classes.
 */
export function chooseArm(arms: readonly TrialArm[], options: TrialOptions = {}): TrialDecision {
  const { minimumGain, alikeWithin, maximumClassLoss } = trialLimits(options);
  const cohort: CohortOptions = { seed: options.seed, resamples: options.resamples };
  requireSameCases(arms);
  const [first, ...others] = arms;
  if (first === undefined || first.usesSam) {
    throw new RefineError(
      "configuration",
      `A trial needs an arm without SAM as its first, found ${arms.map((a) => a.name).join(", ") || "none"}.`,
      { hint: "Let the menu begin with the plan raw." },
    );
  }
  const differences = compareWithBaseline(first, others, "dice", cohort);
  const tried = arms.map(
    (arm, index): TriedArm => ({
      name: arm.name,
      usesSam: arm.usesSam,
      ...summarise(arm, cohort),
      difference: differences[index - 1],
      harmed: arm === first ? undefined : worstClass(arm, first, maximumClassLoss),
    }),
  );
  const pick = (candidates: readonly TriedArm[]): TriedArm | undefined => {
    const best = Math.max(...candidates.map(({ meanDice }) => meanDice));
    return candidates.find(({ meanDice }) => best - meanDice <= alikeWithin);
  };
  const allowed = tried.filter(({ harmed }) => harmed === undefined);
  const without = pick(allowed.filter(({ usesSam }) => !usesSam)) ?? tried[0]!;
  const bar = Math.max(...allowed.filter(({ usesSam }) => !usesSam).map(({ meanDice }) => meanDice)) + minimumGain;
  const withSam = tried.filter(({ usesSam }) => usesSam);
  const worthy = pick(withSam.filter(({ harmed, meanDice }) => harmed === undefined && meanDice >= bar));
  const ranking = tried.toSorted((a, b) => b.meanDice - a.meanDice);
  const bestSam = worthy ?? ranking.find(({ usesSam }) => usesSam);
  const chosen = worthy ?? without;
  if (bestSam === undefined) {
    const reason = `${without.name} has the best mean Dice (${points(without.meanDice)}); no arm with SAM was tried.`;
    return { chosen: chosen.name, reason, arms: tried, ranking, evidence: undefined };
  }
  const scoresOf = (name: string): TrialArm => arms.find((arm) => arm.name === name)!;
  const [evidence] = compareWithBaseline(scoresOf(without.name), [scoresOf(bestSam.name)], "dice", cohort);
  const measured = `mean Dice ${bestSam.name} ${points(bestSam.meanDice)} against ${without.name} ${points(without.meanDice)}`;
  const rule = `a gain of at least ${points(minimumGain)} points was asked for`;
  const loss =
    bestSam.harmed === undefined ? "" : `; ${bestSam.harmed.label} changed by ${points(bestSam.harmed.change)} points`;
  return {
    chosen: chosen.name,
    reason: `${worthy === undefined ? "SAM stays off" : "SAM helps here"}: ${measured}, ${rule}${loss}.`,
    arms: tried,
    ranking,
    evidence,
  };
}

const points = (dice: number): string => (100 * dice).toFixed(2);

function summarise(arm: TrialArm, cohort: CohortOptions): { meanDice: number; interval: Interval | null } {
  const cases = caseValues(arm.scores, "dice");
  const values = cases.map(({ value }) => value);
  const meanDice = mean(values);
  if (meanDice !== null) {
    return {
      meanDice,
      interval: bootstrapMeanInterval(values, { ...cohort, groups: cases.map(({ group }) => group) }),
    };
  }
  throw new RefineError("configuration", `Arm ${arm.name} has no case with a class to score.`, {
    details: { arm: arm.name },
  });
}

function worstClass(arm: TrialArm, first: TrialArm, maximumLoss: number): TriedArm["harmed"] {
  const meanOf = (scores: readonly CaseScore[], label: string): number | null =>
    mean(
      caseValues(
        scores.filter((score) => score.label === label),
        "dice",
      ).map(({ value }) => value),
    );
  const labels = new Set(first.scores.map((score) => score.label));
  // With one class the mean says it already.
  if (labels.size < 2) return undefined;
  let worst: TriedArm["harmed"];
  for (const label of labels) {
    const before = meanOf(first.scores, label);
    const after = meanOf(arm.scores, label);
    if (before === null || after === null) continue;
    const change = after - before;
    if (change < -maximumLoss && change < (worst?.change ?? 0)) worst = { label, change };
  }
  return worst;
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
