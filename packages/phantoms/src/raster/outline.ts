/** A point or a vector; the frame is named where it is used. */
export type Point = readonly [x: number, y: number];

/**
 * A closed centripetal Catmull-Rom curve through the points, as a polygon.
 *
 * @param step greatest distance between neighbouring vertices, in the unit of the points.
 */
export function closedCurve(points: readonly Point[], step: number): Point[] {
  const result: Point[] = [];
  const count = points.length;
  for (let i = 0; i < count; i++) {
    appendSpan(result, wrap(points, i - 1), wrap(points, i), wrap(points, i + 1), wrap(points, i + 2), step);
  }
  return result;
}

/** An open centripetal Catmull-Rom curve through the points; the ends are reached. */
export function openCurve(points: readonly Point[], step: number): Point[] {
  const result: Point[] = [];
  const last = points.length - 1;
  const at = (i: number): Point => points[Math.min(Math.max(i, 0), last)]!;
  const mirrored = (end: Point, inner: Point): Point => [2 * end[0] - inner[0], 2 * end[1] - inner[1]];
  for (let i = 0; i < last; i++) {
    const before = i === 0 ? mirrored(at(0), at(1)) : at(i - 1);
    const after = i === last - 1 ? mirrored(at(last), at(last - 1)) : at(i + 2);
    appendSpan(result, before, at(i), at(i + 1), after, step);
  }
  result.push(at(last));
  return result;
}

function wrap(points: readonly Point[], index: number): Point {
  return points[(index + points.length) % points.length]!;
}

/** Barry and Goldman's pyramid for one span, p1 included and p2 left out. */
function appendSpan(into: Point[], p0: Point, p1: Point, p2: Point, p3: Point, step: number): void {
  const knot = (a: Point, b: Point): number => Math.max(Math.sqrt(Math.hypot(b[0] - a[0], b[1] - a[1])), 1e-6);
  const t1 = knot(p0, p1);
  const t2 = t1 + knot(p1, p2);
  const t3 = t2 + knot(p2, p3);
  const pieces = Math.max(1, Math.ceil(Math.hypot(p2[0] - p1[0], p2[1] - p1[1]) / step));
  for (let piece = 0; piece < pieces; piece++) {
    const t = t1 + ((t2 - t1) * piece) / pieces;
    const a1 = mix(p0, p1, t / t1);
    const a2 = mix(p1, p2, (t - t1) / (t2 - t1));
    const a3 = mix(p2, p3, (t - t2) / (t3 - t2));
    const b1 = mix(a1, a2, t / t2);
    const b2 = mix(a2, a3, (t - t1) / (t3 - t1));
    into.push(mix(b1, b2, (t - t1) / (t2 - t1)));
  }
}

function mix(a: Point, b: Point, t: number): Point {
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t];
}
