import fc from "fast-check";
import { expect, test } from "vitest";
import { sigmoid } from "./scalar.ts";
import { tabulatedSigmoid } from "./sigmoid-table.ts";

const tabulated = tabulatedSigmoid();

test("is within 5e-8 of the sigmoid for every logit, and equal to it outside of the table", () => {
  fc.assert(
    fc.property(fc.double({ min: -40, max: 40, noNaN: true }), (value) => {
      expect(Math.abs(tabulated(value) - sigmoid(value))).toBeLessThan(5e-8);
      if (Math.abs(value) >= 16) expect(tabulated(value)).toBe(sigmoid(value));
    }),
    { numRuns: 2000 },
  );
  // Half way between two samples, where the curve bends most.
  expect(Math.abs(tabulated(1.3164) - sigmoid(1.3164))).toBeLessThan(5e-8);
  for (const value of [-16, 16, -15.9999999, 15.9999999, 0, Infinity, -Infinity]) {
    expect(tabulated(value)).toBeCloseTo(sigmoid(value), 7);
  }
  expect(tabulated(Number.NaN)).toBeNaN();
});

test("is above a half exactly for positive logits, and never falls", () => {
  fc.assert(
    fc.property(fc.float({ noNaN: true }), fc.float({ noNaN: true }), (a, b) => {
      // Float32 logits next to 0 are closer to it than a double near a half can tell.
      if (Math.abs(a) > 1e-15) expect(tabulated(a) > 0.5).toBe(a > 0);
      expect(tabulated(Math.min(a, b))).toBeLessThanOrEqual(tabulated(Math.max(a, b)));
    }),
  );
});
