import { RefineError } from "@samrefine/core";
import { mean } from "./descriptive.ts";
import { rank } from "./ranks.ts";

/**
 * Spearman's rank correlation, ties at their mean rank: how well a quality estimate orders masks by their true Dice.
 *
 * @returns null for fewer than two pairs, or when one side is constant.
 * @throws RefineError `shape-mismatch` when the lists differ in length.
 */
export function spearman(a: readonly number[], b: readonly number[]): number | null {
  requirePairs(a, b);
  const [ranksA, ranksB] = [rank(a).ranks, rank(b).ranks];
  const center = mean(ranksA);
  if (center === null || a.length < 2) return null;
  let covariance = 0;
  let varianceA = 0;
  let varianceB = 0;
  for (const [index, value] of ranksA.entries()) {
    const [x, y] = [value - center, (ranksB[index] as number) - center];
    covariance += x * y;
    varianceA += x * x;
    varianceB += y * y;
  }
  return varianceA === 0 || varianceB === 0 ? null : covariance / Math.sqrt(varianceA * varianceB);
}

/**
 * Area under the ROC curve: the probability that a positive case scores above a negative one, ties counted half.
 *
 * @returns null unless both kinds occur.
 * @throws RefineError `shape-mismatch` when the lists differ in length.
 */
export function areaUnderCurve(scores: readonly number[], isPositive: readonly boolean[]): number | null {
  requirePairs(scores, isPositive);
  const positives = isPositive.filter(Boolean).length;
  const negatives = isPositive.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let rankSum = 0;
  for (const [index, value] of rank(scores).ranks.entries()) if (isPositive[index] === true) rankSum += value;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

function requirePairs(a: readonly unknown[], b: readonly unknown[]): void {
  if (a.length === b.length) return;
  throw new RefineError("shape-mismatch", `Paired lists must have one length, found ${a.length} and ${b.length}.`);
}
