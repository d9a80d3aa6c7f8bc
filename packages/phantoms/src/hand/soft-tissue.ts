import { gaussianBlur } from "../raster/blur.ts";
import { inflate } from "../raster/inflate.ts";
import { interpolate } from "../raster/noise.ts";
import type { Point } from "../raster/outline.ts";
import type { HandAnatomy, Skeleton } from "./skeleton.ts";

/** A cone with round ends; hand frame, mm. */
interface RoundCone {
  readonly from: Point;
  readonly to: Point;
  readonly radiusFrom: number;
  readonly radiusTo: number;
}

/** Maps pixel centres to the hand frame. */
export interface PixelFrame {
  readonly columns: number;
  readonly rows: number;
  /** Millimetres of the hand frame per pixel. */
  readonly unitsPerPixel: number;
  toHand(x: number, y: number): Point;
  toPixel(point: Point): Point;
}

export interface SoftTissue {
  /** Thickness along the beam, mm of the hand frame. */
  readonly thickness: Float32Array;
  /** Distance to the skin, mm, positive inside. */
  readonly depth: Float32Array;
}

const GRID_STEP = 4;

/** The hand without bones: fingers as round cones, blended into palm, wrist and forearm. */
export function softTissue(skeleton: Skeleton, anatomy: HandAnatomy, frame: PixelFrame): SoftTissue {
  const coarse = {
    columns: Math.ceil(frame.columns / GRID_STEP) + 2,
    rows: Math.ceil(frame.rows / GRID_STEP) + 2,
  };
  const groups = fleshOf(skeleton, anatomy.fleshiness);
  const depth = new Float32Array(coarse.columns * coarse.rows);
  for (let row = 0; row < coarse.rows; row++) {
    for (let column = 0; column < coarse.columns; column++) {
      const [x, y] = frame.toHand(column * GRID_STEP, row * GRID_STEP);
      depth[row * coarse.columns + column] = -blendedDistance(groups, x, y);
    }
  }
  const mmPerCell = GRID_STEP * frame.unitsPerPixel;
  const level = depth.map((d) => d / mmPerCell);
  const half = inflateToTheEdges(level, coarse, 13 / mmPerCell);
  const fineDepth = interpolate(depth, coarse, frame, GRID_STEP);
  const ratio = interpolate(thicknessPerDepth(half, level, coarse), coarse, frame, GRID_STEP);
  const thickness = new Float32Array(fineDepth.length);
  const flat = 0.78 * 2 * mmPerCell;
  for (let i = 0; i < thickness.length; i++) {
    const inside = fineDepth[i]! / mmPerCell;
    if (inside > 0) thickness[i] = flat * Math.sqrt(Math.max(0, ratio[i]! * inside));
  }
  addMuscles(thickness, fineDepth, skeleton, frame);
  return { thickness, depth: fineDepth };
}

/** The forearm leaves the image; its end must not taper, so the last row and column see themselves outside. */
function inflateToTheEdges(
  level: Float32Array,
  size: { readonly columns: number; readonly rows: number },
  screen: number,
): Float32Array {
  const margin = 12;
  const rows = size.rows + margin;
  const extended = new Float32Array(size.columns * rows);
  extended.set(level);
  const last = level.subarray((size.rows - 1) * size.columns, size.rows * size.columns);
  for (let row = size.rows; row < rows; row++) extended.set(last, row * size.columns);
  return inflate(extended, { columns: size.columns, rows }, { iterations: 120, screen }).subarray(0, level.length);
}

/** half² / depth varies slowly up to the skin, so that it can be interpolated where half itself cannot. */
function thicknessPerDepth(
  half: Float32Array,
  level: Float32Array,
  size: { readonly columns: number; readonly rows: number },
): Float32Array {
  const ratio = new Float32Array(half.length);
  for (let i = 0; i < half.length; i++) {
    if (level[i]! > 0.6) ratio[i] = (half[i]! * half[i]!) / level[i]!;
  }
  for (let pass = 0; pass < 6; pass++) {
    const previous = ratio.slice();
    for (let y = 1; y < size.rows - 1; y++) {
      for (let x = 1; x < size.columns - 1; x++) {
        const at = y * size.columns + x;
        if (previous[at]! > 0) continue;
        let sum = 0;
        let count = 0;
        for (const step of [-1, 1, -size.columns, size.columns]) {
          const value = previous[at + step]!;
          if (value > 0) {
            sum += value;
            count++;
          }
        }
        if (count > 0) ratio[at] = sum / count;
      }
    }
  }
  return gaussianBlur(ratio, size, 1);
}

/** Groups blend smoothly inside; between groups the edges stay crisp, as between two fingers that touch. */
function fleshOf(skeleton: Skeleton, fleshiness: number): readonly (readonly RoundCone[])[] {
  const f = fleshiness;
  const trunk: RoundCone[] = [];
  const digits: RoundCone[][] = [];
  const width = [1.12, 1.02, 1.05, 0.99, 0.88];
  skeleton.fingers.forEach((finger, index) => {
    const w = width[index]! * f;
    const joints = finger.joints;
    const base = joints[0]!;
    const knuckle = joints[1]!;
    trunk.push({ from: base, to: knuckle, radiusFrom: 13 * f, radiusTo: (index === 0 ? 12.4 : 11.6) * w });
    const radii = index === 0 ? [12.2, 10.4, 8.2] : [11, 9.9, 8.7, 7];
    const digit: RoundCone[] = [];
    for (let i = 1; i < joints.length - 1; i++) {
      const isTip = i === joints.length - 2;
      const to = joints[i + 1]!;
      digit.push({
        from: joints[i]!,
        to: isTip ? along(joints[i]!, to, 0.93) : to,
        radiusFrom: radii[i - 1]! * w,
        radiusTo: radii[i]! * w,
      });
    }
    digits.push(digit);
  });
  // The webs: skin between neighbouring fingers up to the middle of the proximal phalanges.
  for (let i = 1; i < 4; i++) {
    const a = skeleton.fingers[i]!.joints;
    const b = skeleton.fingers[i + 1]!.joints;
    trunk.push({
      from: along(a[1]!, a[2]!, 0.26),
      to: along(b[1]!, b[2]!, 0.26),
      radiusFrom: 6.5 * f,
      radiusTo: 6.5 * f,
    });
  }
  const thumb = skeleton.fingers[0]!.joints;
  const index = skeleton.fingers[1]!.joints;
  trunk.push({
    from: along(thumb[0]!, thumb[1]!, 0.6),
    to: along(index[0]!, index[1]!, 0.62),
    radiusFrom: 11 * f,
    radiusTo: 9 * f,
  });
  const little = skeleton.fingers[4]!.joints;
  trunk.push(
    {
      from: [little[0]![0] - 1, little[0]![1] - 4],
      to: along(little[0]!, little[1]!, 0.7),
      radiusFrom: 15 * f,
      radiusTo: 12 * f,
    },
    { from: [0, 4], to: [-1, -24], radiusFrom: 27 * f, radiusTo: 26.5 * f },
    { from: [-1, -24], to: [-3, -70], radiusFrom: 26.5 * f, radiusTo: 31 * f },
    { from: [-3, -70], to: [-4, -160], radiusFrom: 31 * f, radiusTo: 40 * f },
  );
  return [trunk, ...digits];
}

function along(from: Point, to: Point, fraction: number): Point {
  return [from[0] + (to[0] - from[0]) * fraction, from[1] + (to[1] - from[1]) * fraction];
}

function blendedDistance(groups: readonly (readonly RoundCone[])[], x: number, y: number): number {
  let total = Number.POSITIVE_INFINITY;
  let trunk = Number.POSITIVE_INFINITY;
  groups.forEach((group, index) => {
    let distance = Number.POSITIVE_INFINITY;
    for (const cone of group) distance = smoothMinimum(distance, coneDistance(cone, x, y), index === 0 ? 6 : 2.5);
    if (index === 0) trunk = distance;
    else total = smoothMinimum(total, smoothMinimum(trunk, distance, 5), 1.5);
  });
  return total;
}

function coneDistance(cone: RoundCone, x: number, y: number): number {
  const dx = cone.to[0] - cone.from[0];
  const dy = cone.to[1] - cone.from[1];
  const t = Math.min(
    Math.max(((x - cone.from[0]) * dx + (y - cone.from[1]) * dy) / Math.max(dx * dx + dy * dy, 1e-9), 0),
    1,
  );
  const radius = cone.radiusFrom + (cone.radiusTo - cone.radiusFrom) * t;
  return Math.hypot(x - cone.from[0] - dx * t, y - cone.from[1] - dy * t) - radius;
}

/** Quilez's polynomial smooth minimum; `blend` in mm. */
function smoothMinimum(a: number, b: number, blend: number): number {
  if (!Number.isFinite(a)) return b;
  const h = Math.max(blend - Math.abs(a - b), 0) / blend;
  return Math.min(a, b) - (h * h * blend) / 4;
}

/** Ball of the thumb, ball of the little finger, and the muscles between the metacarpals. */
function addMuscles(thickness: Float32Array, depth: Float32Array, skeleton: Skeleton, frame: PixelFrame): void {
  const rays = skeleton.fingers.map((finger) => finger.joints);
  const middle = (ray: number, fraction: number): Point => along(rays[ray]![0]!, rays[ray]![1]!, fraction);
  const between = (a: Point, b: Point, fraction: number): Point => along(a, b, fraction);
  const lumps: { readonly at: Point; readonly radius: number; readonly thickness: number }[] = [
    { at: between(middle(0, 0.45), middle(1, 0.15), 0.3), radius: 15, thickness: 8 },
    { at: between(middle(0, 0.75), middle(1, 0.4), 0.35), radius: 12, thickness: 4 },
    { at: middle(4, 0.25), radius: 14, thickness: 6 },
  ];
  for (let i = 1; i < 4; i++) {
    for (const fraction of [0.35, 0.5, 0.65]) {
      lumps.push({ at: between(middle(i, fraction), middle(i + 1, fraction), 0.5), radius: 5, thickness: 1.1 });
    }
  }
  for (const lump of lumps) {
    const centre = frame.toPixel(lump.at);
    const sigma = lump.radius / frame.unitsPerPixel;
    const reach = Math.ceil(2.6 * sigma);
    const top = Math.max(0, Math.floor(centre[1]) - reach);
    const bottom = Math.min(frame.rows - 1, Math.ceil(centre[1]) + reach);
    const left = Math.max(0, Math.floor(centre[0]) - reach);
    const right = Math.min(frame.columns - 1, Math.ceil(centre[0]) + reach);
    for (let y = top; y <= bottom; y++) {
      for (let x = left; x <= right; x++) {
        const at = y * frame.columns + x;
        const d = depth[at]!;
        if (d <= 0) continue;
        const r2 = ((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (sigma * sigma);
        thickness[at] = thickness[at]! + lump.thickness * Math.exp(-0.5 * r2) * Math.min(1, d / 8);
      }
    }
  }
}
