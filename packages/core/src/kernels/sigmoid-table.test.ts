import fc from "fast-check";
import { expect, test } from "vitest";
import { sigmoid } from "./scalar.ts";
import { fillSigmoids, SIGMOID_REACH } from "./sigmoid-table.ts";

const whole = { low: -SIGMOID_REACH, high: SIGMOID_REACH, below: 0, above: 1 };

function sigmoids(values: readonly number[], bounds = whole): Float32Array {
  const result = new Float32Array(values.length);
  fillSigmoids(result, 0, Float32Array.from(values), bounds);
  return result;
}

const logits = fc.array(fc.float({ min: -40, max: 40, noNaN: true }), { minLength: 1, maxLength: 50 });

test("is within 5e-8 and a float32's rounding of the sigmoid, everywhere", () => {
  // Half way between two samples where the curve bends most, and what lies beside the ends of the table.
  const hardest = [1.3164, -1.3164, 0.0009765, 17.999999, 18, 18.000001, -17.999999, -18, -18.000001, 0];
  fc.assert(
    fc.property(logits, (values) => {
      const all = [...values, ...hardest].map(Math.fround);
      for (const [i, found] of sigmoids(all).entries()) {
        expect(Math.abs(found - sigmoid(all[i] ?? Number.NaN))).toBeLessThan(5e-8 + 2 ** -25);
      }
    }),
    { numRuns: 300 },
  );
});

test("never falls, and is above a half exactly for logits that a float32 near a half can tell from 0", () => {
  fc.assert(
    fc.property(logits, (values) => {
      const sorted = Float32Array.from(values).toSorted();
      const found = sigmoids([...sorted]);
      expect([...found]).toEqual([...found.toSorted()]);
      for (const [i, p] of found.entries()) {
        const value = sorted[i] ?? Number.NaN;
        if (Math.abs(value) > 1e-6) expect(p > 0.5).toBe(value > 0);
      }
    }),
  );
});

test("writes from where it is told, and bounds as it is told; what is not a number is 0", () => {
  const result = new Float32Array(7).fill(9);
  const bounds = { low: -2, high: 2, below: 0.25, above: 0.75 };
  fillSigmoids(result, 1, Float32Array.of(-3, -2, 0, 2, Number.NaN), bounds);
  expect([...result]).toEqual([9, 0.25, 0.25, 0.5, 0.75, 0, 9]);
});
