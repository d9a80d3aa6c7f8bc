import fc from "fast-check";
import { expect, test } from "vitest";
import { labFromRgb, rgbFromLab } from "./color.ts";

test("reference points of sRGB in CIELab (D65)", () => {
  expect(labFromRgb([255, 255, 255])).toEqual([65535, 32896, 32896]);
  expect(labFromRgb([0, 0, 0])).toEqual([0, 32896, 32896]);
  const [l, a, b] = labFromRgb([255, 0, 0]); // L* 53.24, a* 80.09, b* 67.20
  expect((l / 65535) * 100).toBeCloseTo(53.24, 1);
  expect((a / 65535) * 255 - 128).toBeCloseTo(80.09, 1);
  expect((b / 65535) * 255 - 128).toBeCloseTo(67.2, 1);
});

test("every colour comes back exactly", () => {
  const channel = fc.nat(255);
  fc.assert(
    fc.property(channel, channel, channel, (r, g, b) => {
      expect(rgbFromLab(labFromRgb([r, g, b]))).toEqual([r, g, b]);
    }),
    { numRuns: 1000 },
  );
});
