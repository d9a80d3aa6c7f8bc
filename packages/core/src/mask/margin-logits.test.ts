import fc from "fast-check";
import { expect, test } from "vitest";
import { resizeBilinear } from "../kernels/resize.ts";
import { marginLogits } from "./margin-logits.ts";

const channels = fc.integer({ min: 2, max: 5 }).chain((count) =>
  fc.array(
    fc
      .array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 12, maxLength: 12 })
      .map((values) => Float32Array.from(values)),
    { minLength: count, maxLength: count },
  ),
);

test("positive exactly where the class is above all others and the background", () => {
  fc.assert(
    fc.property(channels, (all) => {
      for (const [index, margin] of marginLogits(all).entries()) {
        for (const [i, value] of margin.entries()) {
          const own = all[index + 1]?.[i] ?? Number.NaN;
          const others = all.flatMap((values, channel) => (channel === index + 1 ? [] : [values[i] ?? Number.NaN]));
          expect(value === Math.fround(own - Math.max(...others))).toBe(true);
        }
      }
    }),
  );
});

test("enlarged, no pixel belongs to two classes", () => {
  fc.assert(
    fc.property(channels, (all) => {
      const enlarged = marginLogits(all).map((margin) =>
        resizeBilinear(margin, { columns: 4, rows: 3 }, { columns: 13, rows: 11 }),
      );
      for (let i = 0; i < 13 * 11; i++) {
        // Rounding of 32-bit floats between -40 and 40 is below this.
        expect(enlarged.filter((margin) => (margin[i] ?? 0) > 1e-5).length).toBeLessThanOrEqual(1);
      }
    }),
  );
});

test("one class against the background is the logit of its probability", () => {
  const p = 0.83;
  const [margin] = marginLogits([Float32Array.of(Math.log(1 - p)), Float32Array.of(Math.log(p))]);
  expect(margin?.[0]).toBeCloseTo(Math.log(p / (1 - p)), 5);
});

test("equally probable classes: none", () => {
  const margins = marginLogits([Float32Array.of(-1, 2), Float32Array.of(3, 2), Float32Array.of(3, 0)]);
  expect(margins.map((margin) => [...margin])).toEqual([
    [0, 0],
    [0, -2],
  ]);
});
