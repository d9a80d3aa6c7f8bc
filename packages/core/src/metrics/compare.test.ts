import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import { drawMask } from "../mask/masks.fixture.ts";
import { compareLabels, compareMasks, type MetricGrid } from "./compare.ts";

type Spacing = readonly [number, number, number];

/** Border voxels with their positions in millimetres, from the definition. */
function slowBorder(mask: readonly number[], [ni, nj, nk]: Spacing, spacing: Spacing): Spacing[] {
  const at = (i: number, j: number, k: number) =>
    i < 0 || j < 0 || k < 0 || i >= ni || j >= nj || k >= nk ? 0 : (mask[i + ni * (j + nj * k)] ?? 0);
  const result: Spacing[] = [];
  for (let k = 0; k < nk; k++) {
    for (let j = 0; j < nj; j++) {
      for (let i = 0; i < ni; i++) {
        const flat = [at(i - 1, j, k), at(i + 1, j, k), at(i, j - 1, k), at(i, j + 1, k)];
        const around = nk === 1 ? flat : [...flat, at(i, j, k - 1), at(i, j, k + 1)];
        if (at(i, j, k) === 1 && around.includes(0)) result.push([i * spacing[0], j * spacing[1], k * spacing[2]]);
      }
    }
  }
  return result;
}

const directed = (from: Spacing[], to: Spacing[]) =>
  from.map((a) => Math.min(...to.map((b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]))));
const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
function percentile95(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const position = 0.95 * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(position)] ?? Number.NaN, sorted[Math.ceil(position)] ?? Number.NaN];
  return low + (high - low) * (position % 1);
}

const pair = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 4 }))
  .chain((size) => {
    const length = size[0] * size[1] * size[2];
    const mask = fc.array(fc.constantFrom(0, 1, 1), { minLength: length, maxLength: length });
    return fc.tuple(fc.constant(size), mask, mask, fc.constantFrom<Spacing>([1, 1, 1], [0.5, 2, 3]));
  });

describe("compareMasks", () => {
  test("equals the definitions, in millimetres", () => {
    fc.assert(
      fc.property(pair, ([size, reference, prediction, spacingMm]) => {
        const found = compareMasks(reference, prediction, { size, spacingMm }, { surfaceTolerance: 0.6 });
        fc.pre(found.status === "scored");
        const shared = reference.filter((value, i) => value === 1 && prediction[i] === 1).length;
        const [r, p] = [reference.filter(Boolean).length, prediction.filter(Boolean).length];
        expect(found.dice).toBeCloseTo((2 * shared) / (r + p), 12);
        // IoU -> Dice: D = 2 J / (1 + J).
        expect(found.dice).toBeCloseTo((2 * (found.iou ?? 0)) / (1 + (found.iou ?? 0)), 12);
        const [a, b] = [slowBorder(reference, size, spacingMm), slowBorder(prediction, size, spacingMm)];
        const [ab, ba] = [directed(a, b), directed(b, a)];
        expect(found.hd95).toBeCloseTo(percentile95([...ab, ...ba]), 5);
        expect(found.assd).toBeCloseTo((mean(ab) + mean(ba)) / 2, 5);
        expect(found.surfaceDice).toBeCloseTo(
          [...ab, ...ba].filter((d) => d <= 0.6).length / (ab.length + ba.length),
          12,
        );
      }),
      { numRuns: 300 },
    );
  });

  test("a perfect mask", () => {
    fc.assert(
      fc.property(pair, ([size, mask]) => {
        fc.pre(mask.includes(1));
        expect(compareMasks(mask, mask, { size })).toMatchObject({
          status: "scored",
          dice: 1,
          iou: 1,
          hd95: 0,
          assd: 0,
          surfaceDice: 1,
          relativeVolumeError: 0,
          distanceUnit: "voxel",
          referenceVolumeMm3: null,
        });
      }),
    );
  });

  const grid: MetricGrid = { size: [4, 2, 1], spacingMm: [2, 3, 5] };
  const some = drawMask("##..", "....").data;
  const none = new Uint8Array(8);

  test("absent and missed are counted, never scored by a sentinel (parity vector 12)", () => {
    expect(compareMasks(none, none, grid)).toMatchObject({
      status: "absent",
      dice: null,
      iou: null,
      hd95: null,
      assd: null,
    });
    expect(compareMasks(none, some, grid)).toMatchObject({
      status: "false-positive",
      dice: null,
      surfaceDice: null,
      relativeVolumeError: null,
      predictionVolumeMm3: 60,
    });
    expect(compareMasks(some, none, grid)).toMatchObject({
      status: "missed",
      dice: 0,
      iou: 0,
      hd95: null,
      assd: null,
      surfaceDice: 0,
      relativeVolumeError: -1,
    });
  });

  test("a shift by one column is one column's spacing", () => {
    const found = compareMasks(drawMask("#...", "#...").data, drawMask(".#..", ".#..").data, grid);
    expect(found).toMatchObject({ hd95: 2, assd: 2, surfaceDice: 0, distanceUnit: "mm", referenceVolumeMm3: 60 });
  });

  test("voxel units leave the spacing out of distances, and of nothing else", () => {
    const masks = [drawMask("#...", "#...").data, drawMask(".#..", ".#..").data] as const;
    const inVoxels = compareMasks(...masks, grid, { voxelUnits: true });
    expect(inVoxels).toMatchObject({ hd95: 1, assd: 1, surfaceDice: 1, distanceUnit: "voxel", referenceVolumeMm3: 60 });
    expect(inVoxels.hd95).toBe(compareMasks(...masks, { size: grid.size }).hd95);
  });

  test("labels are compared class by class", () => {
    const found = compareLabels([0, 1, 1, 2, 2, 0, 0, 0], [1, 1, 0, 2, 2, 3, 0, 0], [1, 2, 3, 4], grid);
    expect([...found].map(([label, { status, dice }]) => [label, status, dice])).toEqual([
      [1, "scored", 0.5],
      [2, "scored", 1],
      [3, "false-positive", null],
      [4, "absent", null],
    ]);
  });

  test("distances can be left out, and sizes must agree", () => {
    expect(compareMasks(some, some, grid, { distances: false })).toMatchObject({
      dice: 1,
      hd95: null,
      surfaceDice: null,
    });
    let caught: unknown;
    try {
      compareMasks(some, none.subarray(1), grid);
    } catch (error) {
      caught = error;
    }
    expect(isRefineError(caught, "shape-mismatch")).toBe(true);
  });
});
