import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { percentileRange, resolveIntensity } from "./intensity.ts";

describe("resolveIntensity", () => {
  test("fixed: (v / scale - mean) / deviation", () => {
    const t = resolveIntensity({ kind: "fixed", scale: 255, mean: 0.5, standardDeviation: 0.25 }, []);
    expect((255 - t.subtract) * t.multiply).toBeCloseTo(2, 12);
    expect((0 - t.subtract) * t.multiply).toBeCloseTo(-2, 12);
  });

  test("window maps its edges to -1 and 1", () => {
    const t = resolveIntensity({ kind: "window", center: 40, width: 400 }, []);
    expect(t).toMatchObject({ lower: -160, upper: 240 });
    expect((t.lower - t.subtract) * t.multiply).toBe(-1);
    expect((t.upper - t.subtract) * t.multiply).toBe(1);
  });

  test("clipped: nnU-Net's CT numbers, and a range to 0 and 1", () => {
    const at = (t: ReturnType<typeof resolveIntensity>, v: number) =>
      (Math.min(Math.max(v, t.lower), t.upper) - t.subtract) * t.multiply;
    const ct = resolveIntensity({ kind: "clipped", lower: -58, upper: 302, mean: 118, standardDeviation: 32 }, []);
    expect([-1000, 118, 150, 3000].map((v) => at(ct, v))).toEqual([-5.5, 0, 1, 5.75]);
    const range = resolveIntensity(
      { kind: "clipped", lower: -160, upper: 240, mean: -160, standardDeviation: 400 },
      [],
    );
    expect([-999, 40, 999].map((v) => at(range, v))).toEqual([0, 0.5, 1]);
  });

  test("percentiles: zero mean and unit deviation of the clipped values over all slices", () => {
    const slices = [Float32Array.of(0, 1, 2, 3), Float32Array.of(4, 5, 6, 1000)];
    const t = resolveIntensity({ kind: "percentiles", lower: 0, upper: 80, scope: "volume" }, slices);
    const z = slices.flatMap((s) =>
      [...s].map((v) => (Math.min(Math.max(v, t.lower), t.upper) - t.subtract) * t.multiply),
    );
    const mean = z.reduce((a, b) => a + b, 0) / z.length;
    expect(mean).toBeCloseTo(0, 6);
    expect(z.reduce((a, b) => a + b * b, 0) / z.length).toBeCloseTo(1, 6);
  });

  test("a constant image does not divide by zero", () => {
    const t = resolveIntensity({ kind: "percentiles", lower: 1, upper: 99, scope: "image" }, [
      new Uint8Array(16).fill(7),
    ]);
    expect((7 - t.subtract) * t.multiply).toBe(0);
  });

  test("percentiles interpolate linearly, as NumPy does", () => {
    expect(percentileRange([Float32Array.of(3, 1, 2, 4)], 25, 50)).toEqual({ lower: 1.75, upper: 2.5 });
  });

  test("where no value is a number there is no range, and no failure", () => {
    const nothing = [Float32Array.of(Number.NaN, Number.NaN)];
    expect(percentileRange(nothing, 1, 99)).toEqual({ lower: 0, upper: 0 });
    const t = resolveIntensity({ kind: "percentiles", lower: 1, upper: 99, scope: "volume" }, nothing);
    expect(t).toEqual({ lower: 0, upper: 0, subtract: 0, multiply: 1 });
  });

  test("percentiles of whole numbers, which are counted, are those of the sorted values", () => {
    const slice = fc.array(fc.integer({ min: -2000, max: 4000 }), { maxLength: 40 });
    fc.assert(
      fc.property(fc.array(slice, { minLength: 1, maxLength: 4 }), fc.nat(100), fc.nat(100), (slices, a, b) => {
        const whole = slices.map((values) => Int16Array.from(values));
        // Half a unit more keeps the order and is no whole number.
        const [least, most] = [Math.min(a, b), Math.max(a, b)];
        const shifted = slices.map((values) => Float32Array.from(values, (value) => value + 0.5));
        const counted = percentileRange(whole, least, most);
        const sorted = percentileRange(shifted, least, most);
        const count = slices.flat().length;
        expect(counted.lower).toBeCloseTo(sorted.lower - (count > 0 ? 0.5 : 0), 3);
        expect(counted.upper).toBeCloseTo(sorted.upper - (count > 0 ? 0.5 : 0), 3);
        expect(percentileRange(whole, least, most, 7).lower).toBeGreaterThanOrEqual(Math.min(0, ...slices.flat()));
      }),
    );
  });
});
