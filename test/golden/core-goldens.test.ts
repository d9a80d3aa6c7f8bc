import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  compareMasks,
  distanceTransform2D,
  distanceTransform3D,
  fillHoles,
  footprintOf,
  type GridSize,
  labelComponents2D,
  labelComponents3D,
  type MetricGrid,
  morphMask,
  randomWalker,
  resizeAntialiased,
  type StructuringElement,
  type VolumeSize,
} from "@samrefine/core";
import { areaUnderCurve, normalUpperTail, spearman, wilcoxonSignedRank } from "@samrefine/evaluation";
import { describe, expect, test } from "vitest";

const folder = fileURLToPath(new URL("core/", import.meta.url));
const read = <T>(name: string): T => JSON.parse(readFileSync(`${folder}${name}.json`, "utf8")) as T;

const maskOf = (bits: string): Uint8Array => Uint8Array.from(bits, Number);
const volumeSize = (size: readonly number[]): VolumeSize => [size[0] ?? 1, size[1] ?? 1, size[2] ?? 1];
const gridSize = (size: readonly number[]): GridSize => ({ columns: size[0] ?? 1, rows: size[1] ?? 1 });

function countDifferences(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).filter((value, i) => value !== b[i]).length;
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

interface ResizeCase {
  readonly from: GridSize;
  readonly to: GridSize;
  readonly channels?: number;
  readonly pixels: readonly number[];
  readonly antialiased: readonly number[];
  readonly antialiasedFloat?: readonly number[];
}

describe("antialiased resize against Pillow", () => {
  test.each(read<{ cases: readonly ResizeCase[] }>("resize").cases)("$from -> $to", (golden) => {
    const { from, to, channels } = golden;
    // Eight bits: the same fixed-point arithmetic, so not one pixel may differ.
    const bytes = resizeAntialiased(Uint8Array.from(golden.pixels), from, to, channels);
    expect(countDifferences(bytes, golden.antialiased)).toBe(0);
    if (golden.antialiasedFloat === undefined) return;
    // The fixture is rounded to 1e-4, and both sides store 32-bit floats of up to 255 between the passes.
    const floats = resizeAntialiased(Float32Array.from(golden.pixels), from, to, channels);
    expect(largestDifference(floats, golden.antialiasedFloat)).toBeLessThan(2e-4);
  });
});

describe("components and distances against SciPy", () => {
  interface ComponentCase {
    readonly size: number[];
    readonly mask: string;
    readonly faces: number[];
    readonly corners: number[];
    /** Volumes only. */
    readonly edges?: number[];
  }
  const components = read<{ cases: readonly ComponentCase[] }>("components").cases;
  test.each(components)("components of $size", ({ size, mask, faces, corners, edges }) => {
    const data = maskOf(mask);
    const isFlat = size.length === 2;
    const [byFaces, byCorners] = isFlat
      ? ([4, 8] as const).map((connectivity) => labelComponents2D(data, gridSize(size), connectivity))
      : ([6, 26] as const).map((connectivity) => labelComponents3D(data, volumeSize(size), connectivity));
    expect(countDifferences(byFaces!.labels, faces)).toBe(0);
    expect(countDifferences(byCorners!.labels, corners)).toBe(0);
    if (edges !== undefined)
      expect(countDifferences(labelComponents3D(data, volumeSize(size), 18).labels, edges)).toBe(0);
    expect(edges === undefined).toBe(isFlat);
  });

  const distances = read<{ cases: readonly { size: number[]; spacing: number[]; mask: string; distance: number[] }[] }>(
    "distance",
  ).cases;
  test.each(distances)("distances of $size, spacing $spacing", ({ size, spacing, mask, distance }) => {
    const [x = 1, y = 1, z = 1] = spacing;
    const found =
      size.length === 2
        ? distanceTransform2D(maskOf(mask), gridSize(size), { x, y })
        : distanceTransform3D(maskOf(mask), volumeSize(size), [x, y, z]);
    // Squares are 32-bit floats: relative error 1e-7, and the fixture is rounded to 1e-6.
    expect(largestDifference(found, distance)).toBeLessThan(5e-6);
  });
});

describe("morphology against scikit-image's elements and SciPy", () => {
  const golden = read<{
    size: number[];
    mask: string;
    filled: string;
    footprints: { element: StructuringElement; radius: number; side: number; pixels: string }[];
    results: { element: StructuringElement; radius: number; dilate: string; erode: string }[];
  }>("morphology");
  const mask = { geometry: gridSize(golden.size), data: maskOf(golden.mask) };

  test.each(golden.footprints)("$element of $radius", ({ element, radius, side, pixels }) => {
    const footprint = footprintOf(element, radius);
    const center = Math.floor(side / 2);
    const drawn = new Uint8Array(side * side);
    for (const { dy, left, right } of footprint) {
      drawn.fill(1, (dy + center) * side + center + left, (dy + center) * side + center + right + 1);
    }
    expect(countDifferences(drawn, maskOf(pixels))).toBe(0);
  });

  test.each(golden.results)("erosion and dilation by $element of $radius", ({ element, radius, dilate, erode }) => {
    expect(countDifferences(morphMask(mask, "dilate", element, radius).data, maskOf(dilate))).toBe(0);
    expect(countDifferences(morphMask(mask, "erode", element, radius).data, maskOf(erode))).toBe(0);
  });

  test("holes", () => {
    expect(countDifferences(fillHoles(mask).data, maskOf(golden.filled))).toBe(0);
  });
});

describe("random walker", () => {
  const golden = read<{
    size: number[];
    image: number[];
    seeds: string;
    sigma: number;
    "scikit-image": number[][];
    ridge: number;
    direct: number[][];
  }>("random-walker");
  const seeds = maskOf(golden.seeds);
  const walk = (changes: { readonly minimumWeight?: number; readonly ridge: number }) =>
    randomWalker(
      Float32Array.from(golden.image),
      gridSize(golden.size),
      seeds,
      [2, 3].map((label) => seeds.map((value) => Number(value === label))),
      { sigma: golden.sigma, tolerance: 1e-9, ...changes },
    );

  test("against scikit-image", () => {
    const found = walk({ minimumWeight: 1e-10, ridge: 0 });
    // The fixture is rounded to 1e-6; both sides solve the same equations.
    for (const [i, map] of found.entries()) {
      expect(largestDifference(map, golden["scikit-image"][i] ?? [])).toBeLessThan(2e-6);
    }
  });

  test("with a ridge, against SciPy's direct solver", () => {
    const found = walk({ ridge: golden.ridge });
    for (const [i, map] of found.entries()) expect(largestDifference(map, golden.direct[i] ?? [])).toBeLessThan(2e-6);
  });
});

describe("metrics against MedPy, surface Dice against SciPy", () => {
  interface SurfaceCase {
    readonly size: number[];
    readonly spacing: number[];
    readonly reference: string;
    readonly prediction: string;
    readonly dice: number;
    readonly iou: number;
    readonly hd95: number;
    readonly assd: number;
    readonly hd95InVoxels: number;
    readonly assdInVoxels: number;
    readonly surfaceDiceAt1: number;
  }
  test.each(read<{ cases: readonly SurfaceCase[] }>("surface").cases)("$size", (golden) => {
    const [x = 1, y = 1, z = 1] = golden.spacing;
    const masks = [maskOf(golden.reference), maskOf(golden.prediction)] as const;
    const grid: MetricGrid = { size: volumeSize(golden.size), spacingMm: [x, y, z] };
    const found = compareMasks(...masks, grid);
    expect(found.dice).toBeCloseTo(golden.dice, 12);
    expect(found.iou).toBeCloseTo(golden.iou, 12);
    // Distances are 32-bit floats.
    expect(found.hd95).toBeCloseTo(golden.hd95, 5);
    expect(found.assd).toBeCloseTo(golden.assd, 5);
    expect(found.surfaceDice).toBeCloseTo(golden.surfaceDiceAt1, 12);
    const inVoxels = compareMasks(...masks, grid, { voxelUnits: true });
    expect(inVoxels.hd95).toBeCloseTo(golden.hd95InVoxels, 5);
    expect(inVoxels.assd).toBeCloseTo(golden.assdInVoxels, 5);
  });
});

describe("statistics against SciPy", () => {
  const golden = read<{
    wilcoxon: {
      name: string;
      differences: number[];
      pValues: Record<"two-sided" | "greater" | "less", number>;
    }[];
    association: { a: number[]; b: number[]; spearman: number; auc: number };
    normalUpperTail: { z: number; p: number }[];
  }>("statistics");

  test.each(golden.wilcoxon)("Wilcoxon, $name", ({ name, differences, pValues }) => {
    for (const alternative of ["two-sided", "greater", "less"] as const) {
      const found = wilcoxonSignedRank(differences, alternative);
      expect(found.method).toBe(name.startsWith("exact") ? "exact" : "normal");
      expect(found.pValue).toBeCloseTo(pValues[alternative], 12);
    }
  });

  test("Spearman and AUC with ties", () => {
    const { a, b, spearman: rho, auc } = golden.association;
    expect(spearman(a, b)).toBeCloseTo(rho, 12);
    expect(
      areaUnderCurve(
        a,
        b.map((value) => value > 0),
      ),
    ).toBeCloseTo(auc, 12);
  });

  test.each(golden.normalUpperTail)("P(Z > $z)", ({ z, p }) => {
    expect(normalUpperTail(z) / p).toBeCloseTo(1, 12);
  });
});
