import fc from "fast-check";
import { expect, test } from "vitest";
import { measureReliability } from "./summarise-comparison.ts";

const share = fc.double({ min: 0, max: 1, noNaN: true });

test("every mask lies in one bin, and no bin is empty", () => {
  fc.assert(
    fc.property(fc.array(fc.record({ estimated: share, actual: share })), (pairs) => {
      const { bins, masks } = measureReliability(pairs);
      expect(bins.reduce((sum, bin) => sum + bin.masks, 0)).toBe(pairs.length);
      expect(masks).toBe(pairs.length);
      for (const bin of bins) {
        expect(bin.meanEstimated).toBeGreaterThanOrEqual(bin.lower - 1e-12);
        expect(bin.meanEstimated).toBeLessThanOrEqual(bin.upper + 1e-12);
      }
    }),
  );
});

const masks = Array.from({ length: 10 }, (_, n) => ({ estimated: (n + 1) / 10, actual: (n + 1) / 10 }));

test("a perfect estimate ranks perfectly and has no error; a reversed one finds nothing", () => {
  expect(measureReliability(masks)).toMatchObject({ spearman: 1, areaUnderCurveWorstQuarter: 1, meanAbsoluteError: 0 });
  const reversed = masks.map(({ actual }) => ({ estimated: 1.1 - actual, actual }));
  expect(measureReliability(reversed)).toMatchObject({ spearman: -1, areaUnderCurveWorstQuarter: 0 });
});

test("fewer than ten masks rank nothing, but have their mean and error", () => {
  const few = measureReliability(masks.slice(0, 9));
  expect(few).toMatchObject({ masks: 9, spearman: null, areaUnderCurveWorstQuarter: null, meanAbsoluteError: 0 });
  expect(few.meanEstimated).toBeCloseTo(0.5, 12);
});
