import type { Affine3D, VolumeGeometry } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { reorderingBetween, reorderVoxels } from "./reorient.ts";
import { geometries, voxelsOf } from "./testing/random-volumes.ts";

/** The same voxels with axes in another order and direction. */
function turned(geometry: VolumeGeometry, order: readonly number[], flips: readonly boolean[]): VolumeGeometry {
  const m = geometry.indexToPatient;
  const size = order.map((axis) => geometry.size[axis]!) as unknown as VolumeGeometry["size"];
  const column = (axis: number): readonly number[] => [m[axis]!, m[4 + axis]!, m[8 + axis]!];
  const columns = order.map((axis, n) => column(axis).map((value) => (flips[n] ? -value : value)));
  const origin = [0, 1, 2].map(
    (row) =>
      m[4 * row + 3]! +
      order.reduce((sum, axis, n) => sum + (flips[n] ? (geometry.size[axis]! - 1) * column(axis)[row]! : 0), 0),
  );
  const affine = [0, 1, 2].flatMap((row) => [columns[0]![row]!, columns[1]![row]!, columns[2]![row]!, origin[row]!]);
  return { size, indexToPatient: [...affine, 0, 0, 0, 1] as unknown as Affine3D };
}

const orders = fc.constantFrom([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]);
const flips = fc.tuple(fc.boolean(), fc.boolean(), fc.boolean());

test("turning a grid and turning it back gives the voxels back, and every voxel keeps its place", () => {
  fc.assert(
    fc.property(geometries({ sheared: true }), orders, flips, fc.nat(), (geometry, order, flip, seed) => {
      const other = turned(geometry, order, flip);
      const data = voxelsOf(geometry.size, "Uint8Array", seed) as Uint8Array;
      const there = reorderVoxels(data, reorderingBetween(geometry, other)!, other.size);
      expect(reorderVoxels(there, reorderingBetween(other, geometry)!, geometry.size)).toEqual(data);
      // Axis n of the other grid runs along axis order[n] of this one, backwards where flipped.
      const index = [0, 1, 2].map((n) => Math.floor(((seed % 97) / 97) * other.size[n]!));
      const own = [0, 0, 0];
      for (const n of [0, 1, 2]) own[order[n]!] = flip[n] ? other.size[n]! - 1 - index[n]! : index[n]!;
      const at = (size: VolumeGeometry["size"], [i, j, k]: readonly number[]): number =>
        i! + size[0] * (j! + size[1] * k!);
      expect(there[at(other.size, index)]).toBe(data[at(geometry.size, own)]);
    }),
    { numRuns: 300 },
  );
});

test("a grid of another size, place, spacing or direction is refused", () => {
  const grid = { size: [4, 5, 6], indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1] } as const;
  const changed = (affine: Readonly<Record<number, number>>): VolumeGeometry => ({
    size: grid.size,
    indexToPatient: grid.indexToPatient.map((value, n) => affine[n] ?? value) as unknown as Affine3D,
  });
  expect(reorderingBetween(grid, grid)).toEqual({ start: 0, step: [1, 4, 20] });
  expect(reorderingBetween({ ...grid, size: [4, 5, 7] }, grid)).toBeUndefined();
  expect(reorderingBetween(changed({ 3: 0.2 }), grid)).toBeUndefined();
  expect(reorderingBetween(changed({ 3: 1 }), grid)).toBeUndefined();
  expect(reorderingBetween(changed({ 0: 1.02 }), grid)).toBeUndefined();
  expect(reorderingBetween(changed({ 1: 0.05 }), grid)).toBeUndefined();
});
