import { RefineError } from "@samrefine/core";
import type { PreparedCase } from "./prepared-case.ts";

/**
 * Per label the number of pixels without it over the number with it, on the network's grid, at most `limit`
 * (methods.md 1.4: w_c = negative / positive pixels over the whole training set).
 */
export function balancedPositiveWeights(
  cases: readonly PreparedCase[],
  labelCount: number,
  ignoreLabel: number | undefined,
  limit: number,
): readonly number[] {
  const { counts, total } = countLabels(cases, labelCount, ignoreLabel);
  return counts.map((positive) => Math.min((total - positive) / Math.max(positive, 1), limit));
}

/** @throws RefineError `dataset` naming the labels that no training case holds: such a class cannot be learnt. */
export function requireAllLabels(
  cases: readonly PreparedCase[],
  labels: readonly { readonly name: string; readonly value: number }[],
): void {
  const { counts } = countLabels(cases, labels.length, undefined);
  const missing = labels.filter(({ value }) => counts[value - 1] === 0);
  if (missing.length === 0) return;
  throw new RefineError(
    "dataset",
    `No training case has a pixel of ${missing.map(({ name }) => `"${name}"`).join(", ")} on the training grid.`,
    { hint: "Add a labelled case that shows it, use a finer grid, or leave the label out of dataset.json." },
  );
}

function countLabels(cases: readonly PreparedCase[], labelCount: number, ignoreLabel: number | undefined) {
  const counts = new Array<number>(labelCount).fill(0);
  let total = 0;
  for (const { slices } of cases) {
    for (const { labels } of slices) {
      for (const value of labels ?? []) {
        if (value === ignoreLabel) continue;
        total++;
        if (value > 0) counts[value - 1] = (counts[value - 1] ?? 0) + 1;
      }
    }
  }
  return { counts, total };
}
