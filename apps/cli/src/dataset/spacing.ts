import type { DatasetCase } from "@samrefine/core";

/** Between voxel centres along i, j, k; millimetres where the case has spacing, otherwise pixels. */
export function spacingOf({ geometry }: Pick<DatasetCase, "geometry">): readonly [number, number, number] {
  const m = geometry.indexToPatient;
  const along = (axis: 0 | 1 | 2): number => Math.hypot(m[axis]!, m[4 + axis]!, m[8 + axis]!);
  return [along(0), along(1), along(2)];
}
