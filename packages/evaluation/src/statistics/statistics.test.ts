import { createRandom } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { areaUnderCurve, spearman } from "./association.ts";
import { bootstrapMeanInterval } from "./bootstrap.ts";
import { mean, quantile, sampleStandardDeviation } from "./descriptive.ts";
import { normalUpperTail } from "./normal.ts";
import { rank } from "./ranks.ts";
import { bonferroni, wilcoxonSignedRank } from "./wilcoxon.ts";

const finite = fc.integer({ min: -50, max: 50 });

describe("descriptive", () => {
  test("sample deviation divides by n - 1; nothing gives null, not NaN", () => {
    expect(sampleStandardDeviation([2, 4, 4, 4, 5, 5, 7, 9])).toBeCloseTo(Math.sqrt(32 / 7), 12);
    expect([mean([]), sampleStandardDeviation([3]), quantile([], 0.5)]).toEqual([null, null, null]);
    expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
  });
});

describe("rank", () => {
  test("ties share the mean rank", () => {
    expect(rank([10, 20, 10, 5])).toEqual({ ranks: [2.5, 4, 2.5, 1], ties: [2] });
  });

  test("ranks add up to n (n + 1) / 2 and follow the values", () => {
    fc.assert(
      fc.property(fc.array(finite), (values) => {
        const { ranks } = rank(values);
        expect(ranks.reduce((sum, r) => sum + r, 0)).toBeCloseTo((values.length * (values.length + 1)) / 2, 9);
        for (const [i, a] of values.entries()) {
          for (const [j, b] of values.entries()) {
            if (a < b) expect(ranks[i]).toBeLessThan(ranks[j] ?? 0);
          }
        }
      }),
    );
  });
});

describe("normalUpperTail", () => {
  test("known quantiles, both tails, and the seam at 3", () => {
    expect(normalUpperTail(0)).toBe(0.5);
    expect(normalUpperTail(1.959963984540054)).toBeCloseTo(0.025, 14);
    expect(normalUpperTail(-1.959963984540054)).toBeCloseTo(0.975, 14);
    expect(normalUpperTail(6) / 9.865876450376946e-10).toBeCloseTo(1, 11);
    expect(normalUpperTail(3 - 1e-12) / normalUpperTail(3)).toBeCloseTo(1, 10);
  });
});

describe("wilcoxonSignedRank", () => {
  /** Every sign assignment of the ranks, counted one by one. */
  function enumerate(differences: readonly number[]): { atLeast: number; atMost: number } {
    const nonZero = differences.filter((d) => d !== 0);
    const { ranks } = rank(nonZero.map(Math.abs));
    const sumOf = (isPositive: (index: number) => boolean) => ranks.reduce((s, r, i) => s + (isPositive(i) ? r : 0), 0);
    const observed = sumOf((i) => (nonZero[i] ?? 0) > 0);
    let [above, below] = [0, 0];
    for (let signs = 0; signs < 2 ** ranks.length; signs++) {
      const sum = sumOf((i) => (signs >> i) % 2 === 1);
      if (sum >= observed) above++;
      if (sum <= observed) below++;
    }
    return { atLeast: above / 2 ** ranks.length, atMost: below / 2 ** ranks.length };
  }

  test("five improvements of five: 1 / 16 two-sided, by hand", () => {
    const found = wilcoxonSignedRank([1, 2, 3, 4, 5]);
    expect(found).toEqual({ statistic: 15, count: 5, zeros: 0, pValue: 2 / 32, method: "exact" });
    expect(wilcoxonSignedRank([1, 2, 3, 4, 5], "greater").pValue).toBe(1 / 32);
    expect(wilcoxonSignedRank([1, 2, 3, 4, 5], "less").pValue).toBe(1);
  });

  test("exact with ties and zeros equals enumeration", () => {
    const differences = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(differences, (values) => {
        const expected = enumerate(values);
        fc.pre(values.some((d) => d !== 0));
        expect(wilcoxonSignedRank(values, "greater").pValue).toBeCloseTo(expected.atLeast, 12);
        expect(wilcoxonSignedRank(values, "less").pValue).toBeCloseTo(expected.atMost, 12);
        expect(wilcoxonSignedRank(values).pValue).toBeCloseTo(
          Math.min(1, 2 * Math.min(expected.atLeast, expected.atMost)),
          12,
        );
        expect(wilcoxonSignedRank(values).zeros).toBe(values.filter((d) => d === 0).length);
      }),
    );
  });

  test("swapping the methods does not change the two-sided p-value, exact or normal", () => {
    fc.assert(
      fc.property(fc.array(finite, { minLength: 1, maxLength: 60 }), (values) => {
        const swapped = values.map((d) => -d);
        expect(wilcoxonSignedRank(swapped).pValue).toBeCloseTo(wilcoxonSignedRank(values).pValue, 10);
      }),
    );
  });

  test("no difference at all speaks against nothing", () => {
    expect(wilcoxonSignedRank([0, 0])).toMatchObject({ pValue: 1, count: 0, zeros: 2 });
  });

  test("Bonferroni stops at 1 and may count comparisons made elsewhere", () => {
    expect(bonferroni([0.01, 0.4, 0.02])).toEqual([0.03, 1, 0.06]);
    expect(bonferroni([0.01], 5)).toEqual([0.05]);
  });
});

describe("association", () => {
  test("Spearman: order is all, a constant has none", () => {
    expect(spearman([1, 2, 3, 4], [1, 8, 27, 64])).toBeCloseTo(1, 12);
    expect(spearman([1, 2, 3, 4], [9, 7, 5, 1])).toBeCloseTo(-1, 12);
    expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8207826816681233, 12);
    expect(spearman([1, 1, 1], [1, 2, 3])).toBeNull();
    expect(() => spearman([1], [1, 2])).toThrow(/1 and 2/);
  });

  test("AUC counts pairs, ties half", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(finite, fc.boolean()), { maxLength: 30 }), (items) => {
        const pairs = items.flatMap(([a, positive]) =>
          positive ? items.filter(([, other]) => !other).map(([b]) => (a > b ? 1 : a === b ? 0.5 : 0)) : [],
        );
        const found = areaUnderCurve(
          items.map(([score]) => score),
          items.map(([, positive]) => positive),
        );
        if (pairs.length === 0) expect(found).toBeNull();
        else expect(found).toBeCloseTo(pairs.reduce((sum: number, v) => sum + v, 0) / pairs.length, 12);
      }),
    );
  });
});

describe("bootstrapMeanInterval", () => {
  const random = createRandom(5);
  const values = Array.from({ length: 60 }, () => 10 + random.normal());

  test("is near the textbook interval of the mean, and repeats with its seed", () => {
    const found = bootstrapMeanInterval(values, { seed: 1 });
    const half = (1.96 * (sampleStandardDeviation(values) ?? 0)) / Math.sqrt(values.length);
    const center = mean(values) ?? 0;
    expect(Math.abs((found?.lower ?? 0) - (center - half))).toBeLessThan(0.05);
    expect(Math.abs((found?.upper ?? 0) - (center + half))).toBeLessThan(0.05);
    expect(bootstrapMeanInterval(values, { seed: 1 })).toEqual(found);
    expect(bootstrapMeanInterval(values, { seed: 2 })).not.toEqual(found);
  });

  test("copies of a patient's value do not narrow it when they are one group", () => {
    const few = values.slice(0, 12);
    const copied = few.flatMap((value) => [value, value, value, value]);
    const groups = few.flatMap((_, i) => Array.from({ length: 4 }, () => `patient ${i}`));
    const width = (interval: { lower: number; upper: number } | null) =>
      interval ? interval.upper - interval.lower : 0;
    expect(width(bootstrapMeanInterval(copied, { groups }))).toBeCloseTo(width(bootstrapMeanInterval(few)), 10);
    expect(width(bootstrapMeanInterval(copied))).toBeLessThan(0.7 * width(bootstrapMeanInterval(few)));
  });

  test("one independent value has no interval", () => {
    expect(bootstrapMeanInterval([3])).toBeNull();
    expect(bootstrapMeanInterval([3, 4, 5], { groups: ["a", "a", "a"] })).toBeNull();
    expect(() => bootstrapMeanInterval([3, 4], { groups: ["a"] })).toThrow(/1 groups for 2 values/);
  });
});
