import { createRandom, RefineError } from "@samrefine/core";
import { quantileOfSorted } from "./descriptive.ts";

export interface BootstrapOptions {
  /** Default 42. */
  readonly seed?: number | undefined;
  /** Default 5000. */
  readonly resamples?: number | undefined;
  /** Default 0.95. */
  readonly level?: number | undefined;
  /**
   * One name per value, e.g. the patient of a slice: whole groups are drawn, because values within a group are not
   * independent. Default: every value is its own group.
   */
  readonly groups?: readonly string[] | undefined;
}

export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Percentile bootstrap interval of the mean (Efron 1979). The same seed gives the same interval.
 *
 * @returns null for fewer than two independent values: nothing can be said about their spread.
 * @throws RefineError `shape-mismatch` when there is not one group name per value.
 */
export function bootstrapMeanInterval(values: readonly number[], options: BootstrapOptions = {}): Interval | null {
  const { seed = 42, resamples = 5000, level = 0.95, groups } = options;
  if (groups !== undefined && groups.length !== values.length) {
    throw new RefineError("shape-mismatch", `Found ${groups.length} groups for ${values.length} values.`);
  }
  const byGroup = new Map<string, { sum: number; count: number }>();
  for (const [index, value] of values.entries()) {
    const name = groups?.[index] ?? String(index);
    const group = byGroup.get(name) ?? { sum: 0, count: 0 };
    byGroup.set(name, { sum: group.sum + value, count: group.count + 1 });
  }
  const independent = [...byGroup.values()];
  if (independent.length < 2) return null;
  const random = createRandom(seed);
  const means = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    let sum = 0;
    let count = 0;
    for (let draw = 0; draw < independent.length; draw++) {
      const group = independent[random.integer(independent.length)] as { sum: number; count: number };
      sum += group.sum;
      count += group.count;
    }
    means[resample] = sum / count;
  }
  means.sort();
  const tail = (1 - level) / 2;
  const lower = quantileOfSorted(means, tail);
  const upper = quantileOfSorted(means, 1 - tail);
  return lower === null || upper === null ? null : { lower, upper };
}
