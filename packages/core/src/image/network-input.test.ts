import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Image2D } from "./image.ts";
import { networkInput } from "./network-input.ts";

const identity = {
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
  subtract: 0,
  multiply: 1,
};
const image = (rows: number, columns: number, data: Float32Array, channels = 1): Image2D => ({
  geometry: { rows, columns },
  channels,
  data,
});

describe("networkInput", () => {
  test("2 to 4 columns: PyTorch's interpolate(mode='bilinear', align_corners=False)", () => {
    expect([...networkInput(image(1, 2, Float32Array.of(0, 4)), identity, { rows: 1, columns: 4 })]).toEqual([
      0, 1, 3, 4,
    ]);
  });

  test("4 to 2 columns takes two taps, without antialiasing", () => {
    const data = Float32Array.of(1, 2, 4, 100);
    expect([...networkInput(image(1, 4, data), identity, { rows: 1, columns: 2 })]).toEqual([1.5, 52]);
  });

  test("clips before it resizes, not after", () => {
    const clipping = { lower: 0, upper: 10, subtract: 5, multiply: 0.2 };
    // Clipped to [0, 10] first the mean is 5 -> 0; resized first it would be 500, clipped to 10 -> 1.
    expect([...networkInput(image(1, 2, Float32Array.of(-1000, 2000)), clipping, { rows: 1, columns: 1 })]).toEqual([
      0,
    ]);
  });

  test("interleaved channels become planes", () => {
    const rgb = image(1, 2, Float32Array.of(1, 2, 3, 4, 5, 6), 3);
    expect([...networkInput(rgb, identity, { rows: 1, columns: 2 })]).toEqual([1, 4, 2, 5, 3, 6]);
    expect([...networkInput(rgb, identity, { rows: 1, columns: 1 })]).toEqual([2.5, 3.5, 4.5]);
  });

  test("a NaN pixel does not spread", () => {
    const result = networkInput(image(1, 3, Float32Array.of(1, Number.NaN, 3)), identity, { rows: 1, columns: 3 });
    expect([...result]).toEqual([1, 0, 3]);
  });

  test("stays within the range of its image and keeps a linear ramp away from the edges", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 2, max: 40 }),
        fc.double({ min: -5, max: 5, noNaN: true }),
        (source, target, slope) => {
          const ramp = Float32Array.from({ length: source }, (_, i) => slope * i);
          const result = networkInput(image(1, source, ramp), identity, { rows: 1, columns: target });
          for (let i = 0; i < target; i++) {
            const position = Math.min(Math.max(((i + 0.5) * source) / target - 0.5, 0), source - 1);
            expect(result[i]).toBeCloseTo(slope * position, 3);
          }
        },
      ),
    );
  });
});
