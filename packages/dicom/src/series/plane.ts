import type { Orientation, Vector3 } from "./source-instance.ts";

/** Cosine above which two directions count as the same: 0.1 degrees. */
const SAME_DIRECTION: number = Math.cos((0.1 * Math.PI) / 180);

export function dot(a: Vector3, b: Vector3): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

export function subtract(a: Vector3, b: Vector3): Vector3 {
  return [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
}

export function scale(a: Vector3, factor: number): Vector3 {
  return [a[0] * factor, a[1] * factor, a[2] * factor];
}

export function cross(a: Vector3, b: Vector3): Vector3 {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

export function norm(a: Vector3): number {
  return Math.hypot(a[0], a[1], a[2]);
}

export function rowDirection(orientation: Orientation): Vector3 {
  return [orientation[0], orientation[1], orientation[2]];
}

export function columnDirection(orientation: Orientation): Vector3 {
  return [orientation[3], orientation[4], orientation[5]];
}

/** Unit normal of the image plane: row direction x column direction (PS3.3 C.7.6.2.1.1). */
export function normalOf(orientation: Orientation): Vector3 {
  const normal = cross(rowDirection(orientation), columnDirection(orientation));
  return scale(normal, 1 / norm(normal));
}

/** Row and column are unit vectors at right angles, within the rounding of decimal strings. */
export function isOrthonormal(orientation: Orientation): boolean {
  const row = rowDirection(orientation);
  const column = columnDirection(orientation);
  const isUnit = (v: Vector3): boolean => Math.abs(norm(v) - 1) < 1e-3;
  return isUnit(row) && isUnit(column) && Math.abs(dot(row, column)) < 1e-3;
}

/** Both rows and both columns point the same way, within 0.1 degrees. */
export function isSameOrientation(a: Orientation, b: Orientation): boolean {
  const cosine = (p: Vector3, q: Vector3): number => dot(p, q) / (norm(p) * norm(q));
  return (
    cosine(rowDirection(a), rowDirection(b)) >= SAME_DIRECTION &&
    cosine(columnDirection(a), columnDirection(b)) >= SAME_DIRECTION
  );
}

export function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
