import { createRandom } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AugmentationSpec, augmentationProfiles } from "./augmentation.ts";
import { drawWarp, type Warp, warpImage, warpLabels } from "./warp.ts";

const grid = { rows: 12, columns: 20 };
const plane = Float32Array.from({ length: 240 }, (_, index) => Math.sin(index * 0.37));
const labels = Uint8Array.from({ length: 240 }, (_, index) => index % 3);

function identity(): Warp {
  return {
    x: Float32Array.from({ length: 240 }, (_, index) => index % 20),
    y: Float32Array.from({ length: 240 }, (_, index) => Math.floor(index / 20)),
  };
}

/** Seeds until the warp mirrors columns, which happens to half of them. */
function flipped(spec: AugmentationSpec): Warp {
  for (let seed = 0; seed < 50; seed++) {
    const warp = drawWarp(spec, grid, createRandom(seed))!;
    if (warp.x[0]! > warp.x[19]!) return warp;
  }
  throw new Error("no seed mirrors");
}

describe("warp", () => {
  test("the identity changes nothing", () => {
    expect(warpImage(plane, identity(), grid, "zero")).toEqual(plane);
    expect(warpLabels(labels, identity(), grid)).toEqual(labels);
  });

  test("a horizontal flip reverses every row and twice is the identity", () => {
    const warp = flipped({ flip: "horizontal" });
    const once = warpImage(plane, warp, grid, "zero");
    expect(once[0]).toBeCloseTo(plane[19]!, 6);
    expect(once[20 * 5 + 3]).toBeCloseTo(plane[20 * 5 + 16]!, 6);
    const twice = warpImage(once, warp, grid, "zero");
    twice.forEach((value, index) => {
      expect(value).toBeCloseTo(plane[index]!, 5);
    });
  });

  test("outside the image is 0 or the edge, and background for labels", () => {
    const far: Warp = { x: new Float32Array(240).fill(-5), y: new Float32Array(240).fill(3) };
    expect(warpImage(plane, far, grid, "zero")[0]).toBe(0);
    expect(warpImage(plane, far, grid, "edge")[0]).toBe(plane[60]);
    expect(warpLabels(labels, far, grid)[0]).toBe(0);
  });

  test("a half pixel lies between its neighbours", () => {
    const { x, y } = identity();
    const shifted = warpImage(plane, { x: x.map((value) => value + 0.5), y }, grid, "edge");
    expect(shifted[3]).toBeCloseTo((plane[3]! + plane[4]!) / 2, 6);
  });

  test("without a geometric option there is no warp; with one, image and labels move alike", () => {
    expect(drawWarp({ noise: 1, gamma: 1 }, grid, createRandom(1))).toBeUndefined();
    const mask = Uint8Array.from(labels, (value) => (value === 1 ? 1 : 0));
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...Object.values(augmentationProfiles)), (seed, spec) => {
        const warp = drawWarp(spec, grid, createRandom(seed));
        if (!warp) return;
        const nearest: Warp = { x: warp.x.map(Math.round), y: warp.y.map(Math.round) };
        const image = warpImage(Float32Array.from(mask), nearest, grid, "zero");
        expect(Uint8Array.from(image)).toEqual(warpLabels(mask, nearest, grid));
      }),
      { numRuns: 30 },
    );
  });

  test("outside is the darkest value, as behind a collimator", () => {
    const far: Warp = { x: new Float32Array(240).fill(-5), y: new Float32Array(240).fill(3) };
    expect(warpImage(plane, far, grid, "darkest")[0]).toBe(Math.min(...plane));
  });

  test("two factors of scale, and a stretch, bound how large things become", () => {
    const spread = (spec: AugmentationSpec) =>
      Array.from({ length: 200 }, (_, seed) => {
        const { x, y } = drawWarp(spec, grid, createRandom(seed))!;
        // Source pixels per pixel.
        return { across: x[121]! - x[120]!, down: y[140]! - y[120]! };
      });
    const scales = spread({ scale: { smallest: 0.5, largest: 1.25 } }).map(({ across, down }) => {
      expect(across).toBeCloseTo(down, 4);
      return 1 / across;
    });
    expect(Math.min(...scales)).toBeGreaterThanOrEqual(0.4999);
    expect(Math.min(...scales)).toBeLessThan(0.55);
    expect(Math.max(...scales)).toBeLessThanOrEqual(1.2501);
    expect(Math.max(...scales)).toBeGreaterThan(1.2);
    const ratios = spread({ stretch: 0.2 }).map(({ across, down }) => down / across);
    expect(Math.min(...ratios)).toBeGreaterThanOrEqual(1 / 1.2001);
    expect(Math.max(...ratios)).toBeLessThanOrEqual(1.2001);
    expect(Math.max(...ratios) - Math.min(...ratios)).toBeGreaterThan(0.3);
  });

  test("a translation moves everything alike, by its share of the sides at most", () => {
    const shifts = Array.from({ length: 200 }, (_, seed) => {
      const { x, y } = drawWarp({ translation: 0.25 }, grid, createRandom(seed))!;
      expect(x[239]! - x[0]!).toBeCloseTo(19, 4);
      return [x[0]! / 20, y[0]! / 12];
    });
    expect(Math.max(...shifts.flat())).toBeLessThanOrEqual(0.2501);
    expect(Math.min(...shifts.flat())).toBeLessThan(-0.2);
  });

  test("a turn or a rotation: half are turned and mirrored, a quarter rotated by whole degrees, the rest left alone", () => {
    const square = { rows: 16, columns: 16 };
    const counts = { turned: 0, rotated: 0, left: 0 };
    const degrees = new Set<number>();
    for (let seed = 0; seed < 1000; seed++) {
      const { x, y } = drawWarp(augmentationProfiles.ssl4mis, square, createRandom(seed))!;
      const across = [x[1]! - x[0]!, y[1]! - y[0]!] as const;
      const down = [x[16]! - x[0]!, y[16]! - y[0]!] as const;
      const orientation = across[0] * down[1] - across[1] * down[0];
      const angle = (Math.atan2(across[1], across[0]) * 180) / Math.PI;
      if (orientation < 0) {
        counts.turned++;
        expect(Math.abs(angle / 90 - Math.round(angle / 90))).toBeLessThan(1e-4);
      } else if (Math.abs(angle) < 1e-4) counts.left++;
      else {
        counts.rotated++;
        degrees.add(Math.round(angle));
        expect(Math.abs(angle - Math.round(angle))).toBeLessThan(1e-3);
      }
    }
    expect(counts.turned).toBeGreaterThan(440);
    expect(counts.turned).toBeLessThan(560);
    expect(counts.rotated).toBeGreaterThan(190);
    expect(counts.rotated).toBeLessThan(300);
    expect([Math.min(...degrees), Math.max(...degrees)]).toEqual([-20, 19]);
  });

  test("nearest neighbours make no new grey values", () => {
    const shifted = { x: identity().x.map((value) => value + 0.4), y: identity().y };
    expect(warpImage(plane, shifted, grid, "zero", "nearest")).toEqual(plane);
  });

  test("the affine noise of the paper moves pixels by a few hundredths of the image on average", () => {
    const shifts = Array.from({ length: 200 }, (_, seed) => {
      const { x, y } = drawWarp({ affine: 0.03 }, grid, createRandom(seed))!;
      const center = 6 * 20 + 10;
      return Math.hypot((x[center]! - 10) / 20, (y[center]! - 6) / 12);
    });
    const mean = shifts.reduce((sum, shift) => sum + shift, 0) / shifts.length;
    expect(mean).toBeGreaterThan(0.01);
    expect(mean).toBeLessThan(0.03);
  });
});
