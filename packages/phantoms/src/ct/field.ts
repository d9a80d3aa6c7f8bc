import type { Random } from "@samrefine/core";

/**
 * An implicit shape: about the distance to the surface in mm, negative inside. Patient frame (LPS): x to the patient's
 * left, y to the back, z to the head.
 */
export type Field = (x: number, y: number, z: number) => number;

export type Point3 = readonly [x: number, y: number, z: number];

export interface Box {
  readonly min: Point3;
  readonly max: Point3;
}

/** A field and a box outside of which it is positive. */
export interface Shape {
  readonly field: Field;
  readonly bounds: Box;
}

export interface Ball {
  readonly at: Point3;
  readonly radius: number;
}

/** An ellipsoid, turned by `turn` radians about z. */
export function ellipsoid(center: Point3, radii: Point3, turn = 0): Shape {
  const [cx, cy, cz] = center;
  const [rx, ry, rz] = radii;
  const cos = Math.cos(turn);
  const sin = Math.sin(turn);
  const reach = turn === 0 ? undefined : Math.max(rx, ry);
  return {
    bounds: boxAround(center, [reach ?? rx, reach ?? ry, rz]),
    field: (x, y, z) => {
      const u = ((x - cx) * cos + (y - cy) * sin) / rx;
      const v = (-(x - cx) * sin + (y - cy) * cos) / ry;
      const w = (z - cz) / rz;
      const k0 = Math.sqrt(u * u + v * v + w * w);
      const k1 = Math.sqrt((u * u) / (rx * rx) + (v * v) / (ry * ry) + (w * w) / (rz * rz));
      return k1 < 1e-9 ? -Math.min(rx, ry, rz) : (k0 * (k0 - 1)) / k1;
    },
  };
}

/** A chain of round cones through balls. Distances beyond 16 mm are cut off. */
export function tube(balls: readonly Ball[], blend = 0): Shape {
  const first = balls[0]!;
  let bounds = boxAround(first.at, [first.radius, first.radius, first.radius]);
  for (const ball of balls) bounds = boxUnion(bounds, boxAround(ball.at, [ball.radius, ball.radius, ball.radius]));
  // Seen from a plane far above or below, a cone is only known to be far.
  const far = 16;
  const cones = balls.slice(1).map((to, i) => {
    const from = balls[i]!;
    return {
      field: cone(from, to),
      low: Math.min(from.at[2] - from.radius, to.at[2] - to.radius) - far,
      high: Math.max(from.at[2] + from.radius, to.at[2] + to.radius) + far,
    };
  });
  return {
    bounds: grow(bounds, blend),
    field: (x, y, z) => {
      let distance = far;
      for (const one of cones) {
        if (z < one.low || z > one.high) continue;
        const d = one.field(x, y, z);
        distance = blend > 0 ? smoothMinimum(distance, d, blend) : Math.min(distance, d);
      }
      return distance;
    },
  };
}

function cone(from: Ball, to: Ball): Field {
  const [ax, ay, az] = from.at;
  const dx = to.at[0] - ax;
  const dy = to.at[1] - ay;
  const dz = to.at[2] - az;
  const scale = 1 / Math.max(dx * dx + dy * dy + dz * dz, 1e-9);
  const widening = to.radius - from.radius;
  return (x, y, z) => {
    const px = x - ax;
    const py = y - ay;
    const pz = z - az;
    const t = Math.min(Math.max((px * dx + py * dy + pz * dz) * scale, 0), 1);
    const ex = px - t * dx;
    const ey = py - t * dy;
    const ez = pz - t * dz;
    return Math.sqrt(ex * ex + ey * ey + ez * ez) - from.radius - t * widening;
  };
}

/** Catmull-Rom interpolation of a coarse chain of balls. */
export function refineChain(balls: readonly Ball[], pieces: number): Ball[] {
  const result: Ball[] = [];
  const at = (i: number): Ball => balls[Math.min(Math.max(i, 0), balls.length - 1)]!;
  for (let i = 0; i + 1 < balls.length; i++) {
    for (let piece = 0; piece < pieces; piece++) {
      const t = piece / pieces;
      const weigh = (a: number, b: number, c: number, d: number): number =>
        b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
      const axis = (n: 0 | 1 | 2): number => weigh(at(i - 1).at[n], at(i).at[n], at(i + 1).at[n], at(i + 2).at[n]);
      result.push({
        at: [axis(0), axis(1), axis(2)],
        radius: weigh(at(i - 1).radius, at(i).radius, at(i + 1).radius, at(i + 2).radius),
      });
    }
  }
  result.push(balls[balls.length - 1]!);
  return result;
}

export function union(shapes: readonly Shape[], blend: number): Shape {
  return {
    bounds: grow(
      shapes.map((shape) => shape.bounds).reduce((a, b) => boxUnion(a, b)),
      blend / 2,
    ),
    field: (x, y, z) => {
      let distance = Number.POSITIVE_INFINITY;
      for (const shape of shapes) distance = smoothMinimum(distance, shape.field(x, y, z), blend);
      return distance;
    },
  };
}

/** What of `shape` lies inside every field of `limits` (each may be offset beforehand). */
export function within(shape: Shape, ...limits: readonly Field[]): Shape {
  return {
    bounds: shape.bounds,
    field: (x, y, z) => {
      let distance = shape.field(x, y, z);
      for (const limit of limits) distance = smoothMaximum(distance, limit(x, y, z), 4);
      return distance;
    },
  };
}

/** Takes away `removed`, grown by `gap` mm. */
export function without(shape: Shape, removed: Shape | Field, gap: number, blend = 5): Shape {
  const field = typeof removed === "function" ? removed : removed.field;
  return {
    bounds: shape.bounds,
    field: (x, y, z) => smoothMaximum(shape.field(x, y, z), gap - field(x, y, z), blend),
  };
}

/** Moves the surface in and out by up to `amplitude` mm, smoothly over `wavelength` mm. */
export function bumpy(shape: Shape, amplitude: number, wavelength: number, random: Random): Shape {
  const waves = Array.from({ length: 5 }, () => {
    const z = 2 * random.next() - 1;
    const angle = 2 * Math.PI * random.next();
    const across = Math.sqrt(1 - z * z);
    const k = ((2 * Math.PI) / wavelength) * (0.7 + 0.7 * random.next());
    return {
      x: k * across * Math.cos(angle),
      y: k * across * Math.sin(angle),
      z: k * z,
      phase: 2 * Math.PI * random.next(),
    };
  });
  const scale = amplitude / 2.2;
  return {
    bounds: grow(shape.bounds, 2.3 * amplitude),
    field: (x, y, z) => {
      let shift = 0;
      for (const wave of waves) shift += Math.sin(wave.x * x + wave.y * y + wave.z * z + wave.phase);
      return shape.field(x, y, z) + scale * shift;
    },
  };
}

export function offset(field: Field, by: number): Field {
  return (x, y, z) => field(x, y, z) + by;
}

export function smoothMinimum(a: number, b: number, blend: number): number {
  if (blend <= 0 || !Number.isFinite(a)) return Math.min(a, b);
  const h = Math.max(blend - Math.abs(a - b), 0) / blend;
  return Math.min(a, b) - (h * h * blend) / 4;
}

export function smoothMaximum(a: number, b: number, blend: number): number {
  return -smoothMinimum(-a, -b, blend);
}

export function boxAround(center: Point3, reach: Point3): Box {
  return {
    min: [center[0] - reach[0], center[1] - reach[1], center[2] - reach[2]],
    max: [center[0] + reach[0], center[1] + reach[1], center[2] + reach[2]],
  };
}

function boxUnion(a: Box, b: Box): Box {
  return {
    min: [Math.min(a.min[0], b.min[0]), Math.min(a.min[1], b.min[1]), Math.min(a.min[2], b.min[2])],
    max: [Math.max(a.max[0], b.max[0]), Math.max(a.max[1], b.max[1]), Math.max(a.max[2], b.max[2])],
  };
}

export function grow(box: Box, by: number): Box {
  return {
    min: [box.min[0] - by, box.min[1] - by, box.min[2] - by],
    max: [box.max[0] + by, box.max[1] + by, box.max[2] + by],
  };
}

/**
 * The same shape, read from a grid of `step` mm in the planes at which it is asked; nodes are computed when first needed
 * and the last few planes are kept. Pays for fields that many others are built on. Outside the box: that of its edge.
 */
export function remembered(shape: Shape, step: number): Shape {
  const { min, max } = grow(shape.bounds, 8);
  const columns = Math.ceil((max[0] - min[0]) / step) + 2;
  const rows = Math.ceil((max[1] - min[1]) / step) + 2;
  const planes = new Map<number, Float32Array>();
  const planeAt = (z: number): Float32Array => {
    let plane = planes.get(z);
    if (!plane) {
      if (planes.size > 3) planes.delete(planes.keys().next().value as number);
      plane = new Float32Array(columns * rows).fill(Number.NaN);
      planes.set(z, plane);
    }
    return plane;
  };
  let lastZ = Number.NaN;
  let last: Float32Array = new Float32Array(0);
  return {
    bounds: shape.bounds,
    field: (x, y, z) => {
      if (z !== lastZ) {
        last = planeAt(z);
        lastZ = z;
      }
      const plane = last;
      const u = Math.min(Math.max((x - min[0]) / step, 0), columns - 1.001);
      const v = Math.min(Math.max((y - min[1]) / step, 0), rows - 1.001);
      const i = u | 0;
      const j = v | 0;
      const fx = u - i;
      const fy = v - j;
      const at = j * columns + i;
      let p = plane[at]!;
      let q = plane[at + 1]!;
      let r = plane[at + columns]!;
      let t = plane[at + columns + 1]!;
      if (Number.isNaN(p + q + r + t)) {
        for (const node of [at, at + 1, at + columns, at + columns + 1]) {
          if (!Number.isNaN(plane[node]!)) continue;
          const row = Math.floor(node / columns);
          plane[node] = shape.field(min[0] + (node - row * columns) * step, min[1] + row * step, z);
        }
        p = plane[at]!;
        q = plane[at + 1]!;
        r = plane[at + columns]!;
        t = plane[at + columns + 1]!;
      }
      const above = p + (q - p) * fx;
      const below = r + (t - r) * fx;
      return above + (below - above) * fy;
    },
  };
}
