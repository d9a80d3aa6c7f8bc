import { type GridSize, type PixelBox, resizeBilinear, resizeNearest } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { frameOf, letterbox } from "./frame.ts";
import { planUpsampling, upsample, upsampleAs } from "./upsample.ts";

/** methods.md 1.5 step 8, step by step: low resolution, frame, crop, image, and the nearest pixel of another grid. */
function referenceLogits(lowRes: Float32Array, lowResSide: number, side: number, image: GridSize, output: GridSize) {
  const { scaled } = letterbox(image, side);
  const lowGrid = { rows: lowResSide, columns: lowResSide };
  const framed = resizeBilinear(lowRes, lowGrid, { rows: side, columns: side });
  const cropped = new Float32Array(scaled.rows * scaled.columns);
  for (let row = 0; row < scaled.rows; row++) {
    cropped.set(framed.subarray(row * side, row * side + scaled.columns), row * scaled.columns);
  }
  return resizeNearest(resizeBilinear(cropped, scaled, image), image, output);
}

const grid = fc.record({ rows: fc.integer({ min: 1, max: 90 }), columns: fc.integer({ min: 1, max: 90 }) });
const lowResSide = 16;
const side = 64;
const blob = fc
  .record({ x: fc.nat(15), y: fc.nat(15), radius: fc.double({ min: 0.5, max: 9, noNaN: true }), seed: fc.nat(1000) })
  .map(({ x, y, radius, seed }) =>
    Float32Array.from({ length: lowResSide ** 2 }, (_, i) => {
      const distance = Math.hypot((i % lowResSide) - x, Math.floor(i / lowResSide) - y);
      return radius - distance + Math.sin(i * 12.9898 + seed);
    }),
  );

const all = { above: Number.NEGATIVE_INFINITY };

describe("upsample", () => {
  test("equals the reference's resizes one after the other, for any image and output grid", () => {
    fc.assert(
      fc.property(blob, grid, grid, (lowRes, image, output) => {
        const plan = planUpsampling(letterbox(image, side), lowResSide, output);
        const { logits, cut } = upsample(lowRes, plan, all);
        const mask = cut();
        const expected = referenceLogits(lowRes, lowResSide, side, image, output);
        let largest = 0;
        let wrong = 0;
        for (let i = 0; i < expected.length; i++) {
          const value = expected[i]!;
          largest = Math.max(largest, Math.abs(logits.data[i]! - value));
          if (Math.abs(value) > 1e-5 && mask[i] !== (value > 0 ? 1 : 0)) wrong++;
        }
        // Two roundings to float32 in the reference, one here, of values up to 10.
        expect(largest).toBeLessThan(1e-5);
        expect(wrong).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test("a stretched frame goes to the image in one bilinear step", () => {
    fc.assert(
      fc.property(blob, grid, grid, (lowRes, image, output) => {
        const { logits } = upsample(lowRes, planUpsampling(frameOf(image, side, "stretch"), lowResSide, output), all);
        const lowGrid = { rows: lowResSide, columns: lowResSide };
        const expected = resizeNearest(resizeBilinear(lowRes, lowGrid, image), image, output);
        for (let i = 0; i < expected.length; i++) expect(Math.abs(logits.data[i]! - expected[i]!)).toBeLessThan(1e-5);
      }),
    );
  });

  test("interpolated probabilities cut at a half, and come back as logits", () => {
    const image = { rows: 40, columns: 30 };
    const plan = planUpsampling(frameOf(image, side, "stretch"), lowResSide, image);
    const lowRes = Float32Array.from({ length: lowResSide ** 2 }, (_, i) => 6 * Math.sin(i));
    const { cut, logits } = upsampleAs("probabilities", lowRes, plan, all);
    const mask = cut();
    const lowGrid = { rows: lowResSide, columns: lowResSide };
    const probabilities = resizeBilinear(
      lowRes.map((v) => 1 / (1 + Math.exp(-v))),
      lowGrid,
      image,
    );
    for (const [i, p] of probabilities.entries()) {
      expect(mask[i]).toBe(p > 0.5 ? 1 : 0);
      expect(logits.data[i]).toBeCloseTo(Math.log(p / (1 - p)), 3);
    }
    // It is another answer than that of interpolated logits.
    expect(mask).not.toEqual(upsample(lowRes, plan, undefined).cut());
  });

  test("without logits the mask is the same, though only its outline is interpolated", () => {
    fc.assert(
      fc.property(blob, grid, grid, (lowRes, image, output) => {
        const plan = planUpsampling(letterbox(image, side), lowResSide, output);
        const partial = upsample(lowRes, plan, undefined);
        expect(partial.cut()).toEqual(upsample(lowRes, plan, all).cut());
        expect(partial.logits.data.length).toBe(0);
      }),
    );
  });

  test("a part holds all above its level and all within its box, and is the same there; so is the mask", () => {
    const levels = fc.constantFrom(-3, -1, 0, 0.5, 4);
    fc.assert(
      fc.property(
        blob,
        grid,
        grid,
        levels,
        fc.boolean(),
        grid,
        (lowRes, image, output, above, asProbabilities, end) => {
          const plan = planUpsampling(letterbox(image, side), lowResSide, output);
          const kind = asProbabilities ? "probabilities" : "logits";
          const [xMax, yMax] = [Math.min(output.columns, end.columns) - 1, Math.min(output.rows, end.rows) - 1];
          const within = { xMin: xMax >> 1, yMin: yMax >> 1, xMax, yMax };
          const whole = upsampleAs(kind, lowRes, plan, all);
          for (const box of [undefined, within]) {
            const { cut, logits } = upsampleAs(kind, lowRes, plan, { above, within: box });
            expect(cut()).toEqual(whole.cut());
            const width = logits.box.xMax - logits.box.xMin + 1;
            for (const [i, value] of whole.logits.data.entries()) {
              const [x, y] = [i % output.columns, Math.floor(i / output.columns)];
              const isIn = ({ xMin, yMin, xMax, yMax }: PixelBox) => x >= xMin && x <= xMax && y >= yMin && y <= yMax;
              if (isIn(logits.box)) {
                expect(logits.data[(y - logits.box.yMin) * width + x - logits.box.xMin]).toBe(value);
                continue;
              }
              // Half a unit in the last place, where every tap is the level itself.
              expect(value).toBeLessThan(above + 1e-6);
              if (box !== undefined) expect(isIn(box)).toBe(false);
            }
          }
        },
      ),
    );
  });

  test("nothing positive gives an empty mask; a single positive logit at the border is not lost", () => {
    const image = { rows: 64, columns: 64 };
    const plan = planUpsampling(letterbox(image, side), lowResSide, image);
    const lowRes = new Float32Array(lowResSide ** 2).fill(-1);
    expect(upsample(lowRes, plan, undefined).cut().includes(1)).toBe(false);
    lowRes[lowResSide ** 2 - 1] = 5;
    const mask = upsample(lowRes, plan, undefined).cut();
    expect(mask[64 * 64 - 1]).toBe(1);
  });
});
