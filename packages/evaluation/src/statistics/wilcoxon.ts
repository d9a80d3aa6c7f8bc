import { normalUpperTail } from "./normal.ts";
import { rank } from "./ranks.ts";

export type Alternative = "two-sided" | "greater" | "less";

export interface WilcoxonResult {
  /** Sum of the ranks of the positive differences. */
  readonly statistic: number;
  /** Differences other than zero; the test speaks of these. */
  readonly count: number;
  readonly zeros: number;
  /** 1 when every difference is zero: nothing speaks against equality. */
  readonly pValue: number;
  readonly method: "exact" | "normal";
}

/** Up to this many non-zero differences the distribution is enumerated. */
const LARGEST_EXACT_COUNT = 25;

/**
 * Wilcoxon signed-rank test of paired differences (Wilcoxon 1945). Zeros are left out, ties share their mean rank.
 *
 * Up to 25 differences the p-value is exact: the distribution of the rank sum over all sign assignments of the very ranks
 * at hand, ties included. Above, the normal approximation with tie correction and without continuity correction, as
 * SciPy's default.
 *
 * @param alternative "greater": the differences tend to be positive.
 */
export function wilcoxonSignedRank(
  differences: readonly number[],
  alternative: Alternative = "two-sided",
): WilcoxonResult {
  const nonZero = differences.filter((difference) => difference !== 0);
  const zeros = differences.length - nonZero.length;
  const count = nonZero.length;
  const { ranks, ties } = rank(nonZero.map(Math.abs));
  let statistic = 0;
  for (const [index, difference] of nonZero.entries()) if (difference > 0) statistic += ranks[index] as number;
  if (count === 0) return { statistic, count, zeros, pValue: 1, method: "exact" };
  const isExact = count <= LARGEST_EXACT_COUNT;
  const { atLeast, atMost } = isExact ? exactTails(ranks, statistic) : normalTails(count, ties, statistic);
  const pValue =
    alternative === "greater" ? atLeast : alternative === "less" ? atMost : Math.min(1, 2 * Math.min(atLeast, atMost));
  return { statistic, count, zeros, pValue, method: isExact ? "exact" : "normal" };
}

interface Tails {
  readonly atLeast: number;
  readonly atMost: number;
}

function exactTails(ranks: readonly number[], statistic: number): Tails {
  // Mean ranks are whole or half numbers, so that doubled ranks are whole and sums index an array.
  const doubled = ranks.map((value) => Math.round(2 * value));
  const total = doubled.reduce((sum, value) => sum + value, 0);
  const ways = new Float64Array(total + 1);
  ways[0] = 1;
  let reached = 0;
  for (const value of doubled) {
    reached += value;
    for (let sum = reached; sum >= value; sum--) ways[sum] = (ways[sum] as number) + (ways[sum - value] as number);
  }
  const observed = Math.round(2 * statistic);
  let below = 0;
  for (let sum = 0; sum < observed; sum++) below += ways[sum] as number;
  const all = 2 ** ranks.length;
  return { atLeast: (all - below) / all, atMost: (below + (ways[observed] as number)) / all };
}

function normalTails(count: number, ties: readonly number[], statistic: number): Tails {
  const expected = (count * (count + 1)) / 4;
  const tieCorrection = ties.reduce((sum, size) => sum + size ** 3 - size, 0) / 48;
  const variance = (count * (count + 1) * (2 * count + 1)) / 24 - tieCorrection;
  const z = (statistic - expected) / Math.sqrt(variance);
  return { atLeast: normalUpperTail(z), atMost: normalUpperTail(-z) };
}

/** Multiplies p-values by the number of comparisons, at most 1. @param comparisons default: as many as p-values. */
export function bonferroni(pValues: readonly number[], comparisons: number = pValues.length): number[] {
  return pValues.map((p) => Math.min(1, p * comparisons));
}
