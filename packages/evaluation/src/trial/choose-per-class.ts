import { RefineError } from "@samrefine/core";
import { type CaseScore, type CohortOptions, caseValues } from "../cohort/cohort.ts";
import { compareWithBaseline, type PairedComparison } from "../cohort/paired.ts";
import { mean } from "../statistics/descriptive.ts";
import {
  type ClassAssignment,
  type ClassChoice,
  type ClassTrial,
  chooseArm,
  type TrialArm,
  type TrialDecision,
  type TrialOptions,
  trialLimits,
} from "./choose-arm.ts";

/**
 * The choice class by class, where it is not one arm for all and where choosing so is worth more, on cases that took no part
 * in the choice, than choosing one arm and than the first arm. What it comes to has to be measured as one plan, see {@link chooseCombined}.
 */
export function tryPerClass(arms: readonly TrialArm[], options: TrialOptions = {}): ClassTrial | undefined {
  const assignment = assignPerClass(arms, options);
  const [first] = arms;
  if (first === undefined || new Set(assignment.values()).size < 2) return undefined;
  const heldOut = measureHeldOut(arms, (others) => assignPerClass(others, options), options);
  const heldOutOfOne = measureHeldOut(arms, (others) => assignAll(others, options), options);
  // With few cases a choice may be worth less than no choice at all.
  if ((heldOut?.meanDifference ?? 1) <= Math.max(0, heldOutOfOne?.meanDifference ?? 0)) return undefined;
  return { assignment, choices: describeAssignment(assignment, first, options), heldOut, heldOutOfOne };
}

/**
 * The trial with one more arm, the plan that treats each class by the arm assigned to it, as it was measured. It is taken when
 * it is better than the arm chosen for all classes and harms none.
 */
export function chooseCombined(
  arms: readonly TrialArm[],
  combined: TrialArm,
  byClass: ClassTrial,
  options: TrialOptions = {},
): TrialDecision {
  const { alikeWithin } = trialLimits(options);
  const decision = chooseArm(arms, options);
  const { arms: tried, ranking } = chooseArm([...arms, combined], options);
  const own = tried.at(-1)!;
  const single = tried.find(({ name }) => name === decision.chosen)!;
  if (own.harmed !== undefined || own.meanDice <= single.meanDice + alikeWithin)
    return { ...decision, arms: tried, ranking };
  const without = tried
    .filter(({ usesSam, harmed }) => !usesSam && harmed === undefined)
    .reduce((best, arm) => (arm.meanDice > best.meanDice ? arm : best), tried[0]!);
  const [evidence] = compareWithBaseline(armNamed(arms, without.name), [combined], "dice", options);
  const parts = byClass.choices.map(({ label, arm }) => `${label} ${arm}`).join(", ");
  const reason = `Class by class: ${parts}; mean Dice ${points(own.meanDice)} against ${points(single.meanDice)} of ${single.name} for all.`;
  return { chosen: combined.name, reason, arms: tried, ranking, evidence, byClass };
}

const points = (dice: number): string => (100 * dice).toFixed(2);

/** The choice of one arm for all classes. */
export function assignAll(arms: readonly TrialArm[], options: TrialOptions = {}): ClassAssignment {
  const chosen = armNamed(arms, chooseArm(arms, options).chosen);
  return new Map(labelsOf(arms).map((label) => [label, chosen]));
}

/**
 * The choice class by class, by the rule of {@link chooseArm}: the best arm without SAM, unless the best one with SAM beats it
 * there by `minimumGain`. Only arms of one `family` go together; the family that is best as a whole is taken, the first one
 * of those that are alike. Where the arm chosen for all classes is alike the best of a class, it is kept, so that a plan has
 * no exception without a reason.
 *
 * @throws RefineError `configuration` as {@link chooseArm}.
 */
export function assignPerClass(arms: readonly TrialArm[], options: TrialOptions = {}): ClassAssignment {
  const { alikeWithin } = trialLimits(options);
  const preferred = armNamed(arms, chooseArm(arms, options).chosen);
  const labels = labelsOf(arms);
  // The family of the arm that was chosen for all classes is the one to beat.
  const families = new Set([preferred.family, ...arms.map(({ family }) => family)]);
  let best: { readonly assignment: ClassAssignment; readonly meanDice: number } | undefined;
  for (const family of families) {
    const members = arms.filter((arm) => arm.family === family);
    if (members.every(({ usesSam }) => usesSam)) continue;
    const assignment = new Map(
      labels.map((label) => [label, bestArmFor(label, members, { ...options, preferred })] as const),
    );
    const meanDice = meanOf(scoresOfAssignment(assignment));
    if (best === undefined || meanDice > best.meanDice + alikeWithin) best = { assignment, meanDice };
  }
  return best?.assignment ?? new Map();
}

/** The scores that an assignment would have, if classes did not touch each other. */
export function scoresOfAssignment(assignment: ClassAssignment): CaseScore[] {
  return [...assignment].flatMap(([label, { scores }]) => scores.filter((score) => score.label === label));
}

/** Class by class: what was chosen, and what it changes against the first arm. */
export function describeAssignment(
  assignment: ClassAssignment,
  first: TrialArm,
  cohort: CohortOptions = {},
): readonly ClassChoice[] {
  return [...assignment].map(([label, arm]): ClassChoice => {
    const [difference] = arm === first ? [] : compareWithBaseline(first, [arm], "dice", { ...cohort, label });
    return { label, arm: arm.name, usesSam: arm.usesSam, meanDice: meanOf(ofClass(arm.scores, label)), difference };
  });
}

/**
 * What a way of choosing is worth on cases that took no part in the choice: every case (with those of its group) is left out
 * in turn, the choice is made on the others and measured on it.
 *
 * @returns against the first arm; undefined when there is nothing to leave out.
 */
export function measureHeldOut(
  arms: readonly TrialArm[],
  choose: (arms: readonly TrialArm[]) => ClassAssignment,
  cohort: CohortOptions = {},
): PairedComparison | undefined {
  const [first] = arms;
  if (first === undefined) return undefined;
  const groups = [...new Set(first.scores.map(groupOf))];
  if (groups.length < 2) return undefined;
  const scores = groups.flatMap((group): readonly CaseScore[] => {
    const others = arms.map((arm) => ({ ...arm, scores: arm.scores.filter((score) => groupOf(score) !== group) }));
    const chosen = choose(others);
    return labelsOf(arms).flatMap((label) => {
      // A class that no other case has could not be chosen for.
      const arm = armNamed(arms, chosen.get(label)?.name ?? first.name);
      return ofClass(arm.scores, label).filter((score) => groupOf(score) === group);
    });
  });
  return compareWithBaseline(first, [{ name: "held out", scores }], "dice", cohort)[0];
}

function bestArmFor(
  label: string,
  arms: readonly TrialArm[],
  options: TrialOptions & { readonly preferred: TrialArm },
): TrialArm {
  const { minimumGain, alikeWithin } = trialLimits(options);
  const tried = arms.map((arm) => ({ arm, dice: meanOf(ofClass(arm.scores, label)) }));
  const pick = (candidates: typeof tried): TrialArm | undefined => {
    const best = Math.max(...candidates.map(({ dice }) => dice));
    const alike = candidates.filter(({ dice }) => best - dice <= alikeWithin).map(({ arm }) => arm);
    return alike.find((arm) => arm === options.preferred) ?? alike[0];
  };
  const without = tried.filter(({ arm }) => !arm.usesSam);
  const bar = Math.max(...without.map(({ dice }) => dice)) + minimumGain;
  const chosen = pick(tried.filter(({ arm, dice }) => arm.usesSam && dice >= bar)) ?? pick(without);
  if (chosen !== undefined) return chosen;
  throw new RefineError("configuration", `No arm without SAM can be chosen for ${label}.`);
}

const ofClass = (scores: readonly CaseScore[], label: string): readonly CaseScore[] =>
  scores.filter((score) => score.label === label);

const groupOf = ({ group, caseId }: CaseScore): string => group ?? caseId;

const labelsOf = ([first]: readonly TrialArm[]): readonly string[] => [
  ...new Set(first?.scores.map(({ label }) => label)),
];

/** 0 where no case has the class: then all arms are alike. */
function meanOf(scores: readonly CaseScore[]): number {
  return mean(caseValues(scores, "dice").map(({ value }) => value)) ?? 0;
}

function armNamed(arms: readonly TrialArm[], name: string): TrialArm {
  const arm = arms.find((candidate) => candidate.name === name);
  if (arm !== undefined) return arm;
  throw new RefineError("configuration", `There is no arm ${name} in the trial.`);
}
