import { RefineError } from "@samrefine/core";
import { bootstrapMeanInterval, type Interval } from "../statistics/bootstrap.ts";
import { mean, quantile } from "../statistics/descriptive.ts";
import { bonferroni, type WilcoxonResult, wilcoxonSignedRank } from "../statistics/wilcoxon.ts";
import {
  ALL_CLASSES,
  type CaseScore,
  type CohortOptions,
  caseValues,
  LARGER_IS_BETTER,
  type MetricName,
} from "./cohort.ts";

/** Two methods on the same cases. Differences are candidate minus baseline. */
export interface PairedComparison {
  readonly baseline: string;
  readonly candidate: string;
  /** A class, or {@link ALL_CLASSES}. */
  readonly label: string;
  readonly metric: MetricName;
  /** Cases that have a value in both. */
  readonly count: number;
  /** Cases with a value in one method only; no difference exists for them. */
  readonly unpaired: number;
  readonly meanDifference: number | null;
  readonly medianDifference: number | null;
  readonly interval: Interval | null;
  /** Cases where the candidate is better, equal, worse; by sign for metrics without a direction. */
  readonly better: number;
  readonly equal: number;
  readonly worse: number;
  readonly test: WilcoxonResult;
  /** Bonferroni over the comparisons made together. */
  readonly adjustedPValue: number;
}

/** The scores of one method. */
export interface MethodScores {
  readonly name: string;
  readonly scores: readonly CaseScore[];
}

/**
 * Compares every candidate with the baseline, case by case, on one class or on the mean over classes, by the Wilcoxon
 * signed-rank test with Bonferroni over the candidates.
 *
 * @param label a class name; default {@link ALL_CLASSES}.
 * @throws RefineError `configuration` when a method scores the same case and class twice.
 */
export function compareWithBaseline(
  baseline: MethodScores,
  candidates: readonly MethodScores[],
  metric: MetricName,
  options: CohortOptions & { readonly label?: string | undefined } = {},
): PairedComparison[] {
  const { label = ALL_CLASSES, ...bootstrap } = options;
  for (const method of [baseline, ...candidates]) requireSingleScores(method);
  const comparisons = candidates.map((candidate) => comparePair(baseline, candidate, metric, label, bootstrap));
  const adjusted = bonferroni(comparisons.map(({ test }) => test.pValue));
  return comparisons.map((comparison, index) => ({ ...comparison, adjustedPValue: adjusted[index] ?? 1 }));
}

function comparePair(
  baseline: MethodScores,
  candidate: MethodScores,
  metric: MetricName,
  label: string,
  bootstrap: CohortOptions,
): Omit<PairedComparison, "adjustedPValue"> {
  // Over all classes only those that both methods have a value for enter a case's mean: otherwise a class whose distance
  // does not exist in one method would make its mean look better.
  const shared = sharedScores(baseline.scores, candidate.scores, metric, label);
  const before = caseValues(shared.baseline, metric);
  const after = new Map(caseValues(shared.candidate, metric).map(({ caseId, value }) => [caseId, value]));
  const pairs = before.flatMap(({ caseId, group, value }) => {
    const other = after.get(caseId);
    return other === undefined ? [] : [{ group, difference: other - value }];
  });
  const differences = pairs.map(({ difference }) => difference);
  const direction = LARGER_IS_BETTER[metric] === false ? -1 : 1;
  return {
    baseline: baseline.name,
    candidate: candidate.name,
    label,
    metric,
    count: pairs.length,
    unpaired: shared.cases - pairs.length,
    meanDifference: mean(differences),
    medianDifference: quantile(differences, 0.5),
    interval: bootstrapMeanInterval(differences, { ...bootstrap, groups: pairs.map(({ group }) => group) }),
    better: differences.filter((difference) => difference * direction > 0).length,
    equal: differences.filter((difference) => difference === 0).length,
    worse: differences.filter((difference) => difference * direction < 0).length,
    test: wilcoxonSignedRank(differences),
  };
}

function sharedScores(
  baseline: readonly CaseScore[],
  candidate: readonly CaseScore[],
  metric: MetricName,
  label: string,
): { readonly baseline: CaseScore[]; readonly candidate: CaseScore[]; readonly cases: number } {
  const withValue = (scores: readonly CaseScore[]) =>
    scores.filter((score) => (label === ALL_CLASSES || score.label === label) && score.metrics[metric] !== null);
  const [a, b] = [withValue(baseline), withValue(candidate)];
  const [keysA, keysB] = [new Set(a.map(keyOf)), new Set(b.map(keyOf))];
  return {
    baseline: a.filter((score) => keysB.has(keyOf(score))),
    candidate: b.filter((score) => keysA.has(keyOf(score))),
    cases: new Set([...a, ...b].map(({ caseId }) => caseId)).size,
  };
}

const keyOf = ({ caseId, label }: CaseScore): string => JSON.stringify([caseId, label]);

function requireSingleScores({ name, scores }: MethodScores): void {
  const seen = new Set<string>();
  for (const score of scores) {
    const key = keyOf(score);
    if (seen.has(key)) {
      throw new RefineError("configuration", `${name} scores case ${score.caseId}, class ${score.label} twice.`, {
        details: { method: name, caseId: score.caseId, label: score.label },
      });
    }
    seen.add(key);
  }
}
