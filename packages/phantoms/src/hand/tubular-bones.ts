import type { Random } from "@samrefine/core";
import { closedCurve, openCurve, type Point } from "../raster/outline.ts";
import { type Bone, type HandClass, type Ridge, smoothStep } from "./bone.ts";

/** Lengths and full widths in mm. */
export interface TubularSize {
  readonly length: number;
  readonly base: number;
  readonly waist: number;
  readonly head: number;
}

export type TubularKind = "metacarpal" | "proximal" | "middle" | "distal";

export interface TubularBoneSpec {
  readonly kind: TubularKind;
  readonly class: HandClass;
  readonly size: TubularSize;
  /** Middle of the joint surface at the base, and the direction of the axis in radians from +y towards +x. */
  readonly base: Point;
  readonly angle: number;
  /** Sideways bow of the shaft in mm. */
  readonly bow: number;
  readonly cortexFactor: number;
  readonly growthPlateMm: number;
}

/** Where the axis ends: the tip of the head. */
export function headOf(spec: Pick<TubularBoneSpec, "base" | "angle" | "size">): Point {
  return [
    spec.base[0] + Math.sin(spec.angle) * spec.size.length,
    spec.base[1] + Math.cos(spec.angle) * spec.size.length,
  ];
}

export function tubularBone(spec: TubularBoneSpec, random: Random): Bone {
  const { length } = spec.size;
  const half = rightProfile(spec.kind, spec.size);
  // The tuft at the end of a finger is rough; every other edge is smooth.
  const roughness = (s: number): number => (spec.kind === "distal" && s > 0.7 * length ? 0.05 : 0.022);
  const side = (sign: 1 | -1): Point[] =>
    half.map(
      ([u, s]): Point => [
        sign * u * (1 + roughness(s) * random.normal()),
        s + (s > 0.06 * length && s < 0.94 * length ? 0.006 * length * random.normal() : 0.12 * random.normal()),
      ],
    );
  const right = side(1);
  const left = side(-1).reverse();
  const place = ([u, s]: Point): Point => {
    const bowed = u + spec.bow * Math.sin((Math.PI * s) / length);
    const sin = Math.sin(spec.angle);
    const cos = Math.cos(spec.angle);
    return [spec.base[0] + bowed * cos + s * sin, spec.base[1] - bowed * sin + s * cos];
  };
  const outline = closedCurve([...right, ...left], 0.4).map(place);
  const isDistal = spec.kind === "distal";
  const shaftCortex = (isDistal ? 0.19 : 0.235) * spec.size.waist * spec.cortexFactor;
  const plateAt = spec.class === "metacarpal-1" || spec.kind !== "metacarpal" ? 4.2 / length : 1 - 6.5 / length;
  return {
    class: spec.class,
    outline,
    axis: { from: spec.base, to: headOf(spec) },
    cortexMm: (along) =>
      0.5 + (shaftCortex - 0.5) * smoothStep(0.1, 0.4, along) * (1 - smoothStep(0.6, isDistal ? 0.85 : 0.92, along)),
    spongiosa: (along) => 1 - 0.86 * smoothStep(0.16, 0.42, along) * (1 - smoothStep(0.56, 0.84, along)),
    depth: isDistal ? 0.55 : 0.66,
    ridges: ridgesOf(spec.kind, spec.size).map((ridge) => ({ ...ridge, line: openCurve(ridge.line, 0.3).map(place) })),
    ...(spec.growthPlateMm > 0 ? { growthPlate: { at: plateAt, widthMm: spec.growthPlateMm } } : {}),
  };
}

/** Half of the outline from the middle of the base to the middle of the head, as (half width, position) in mm. */
function rightProfile(kind: TubularKind, size: TubularSize): readonly Point[] {
  const l = size.length;
  const b = size.base / 2;
  const w = size.waist / 2;
  const h = size.head / 2;
  if (kind === "metacarpal") {
    return [
      [0.3 * b, 0.5],
      [0.8 * b, 0.1],
      [b, 1.8],
      [0.99 * b, 4.2],
      [0.86 * b, 7.5],
      [w + 0.3 * (b - w), 0.21 * l],
      [1.03 * w, 0.34 * l],
      [w, 0.48 * l],
      [1.06 * w, 0.61 * l],
      [w + 0.42 * (h - w), 0.735 * l],
      [0.92 * h, 0.815 * l],
      [h, 0.862 * l],
      [0.97 * h, 0.9 * l],
      [0.84 * h, 0.945 * l],
      [0.55 * h, 0.982 * l],
      [0.2 * h, 0.998 * l],
    ];
  }
  if (kind === "distal") {
    return [
      [0.25 * b, 0.15],
      [0.65 * b, 0.55],
      [0.92 * b, 0.3],
      [b, 1.6],
      [0.9 * b, 3],
      [w + 0.36 * (b - w), 0.32 * l],
      [w + 0.06 * (b - w), 0.48 * l],
      [w, 0.6 * l],
      [w + 0.25 * (h - w), 0.69 * l],
      [0.95 * h, 0.765 * l],
      [h, 0.83 * l],
      [0.9 * h, 0.9 * l],
      [0.62 * h, 0.965 * l],
      [0.25 * h, 0.995 * l],
    ];
  }
  // The base of a proximal phalanx is one shallow cup, that of a middle one two cups with a ridge between.
  const cup: readonly Point[] =
    kind === "proximal"
      ? [
          [0.3 * b, 0.95],
          [0.72 * b, 0.5],
          [0.93 * b, 0.35],
        ]
      : [
          [0.14 * b, 0.1],
          [0.5 * b, 0.75],
          [0.9 * b, 0.2],
        ];
  return [
    ...cup,
    [b, 1.7],
    [0.97 * b, 3.2],
    [0.82 * b, 0.15 * l],
    [w + 0.28 * (b - w), 0.27 * l],
    [1.05 * w, 0.44 * l],
    [w, 0.62 * l],
    [w + 0.22 * (h - w), 0.76 * l],
    [0.93 * h, 0.87 * l],
    [h, 0.925 * l],
    [0.92 * h, 0.968 * l],
    [0.6 * h, 0.998 * l],
    [0.2 * h, 0.985 * l],
  ];
}

/** The far rim of the base and, on heads, the edge of the dorsal joint surface. In (lateral, along) mm. */
function ridgesOf(kind: TubularKind, size: TubularSize): readonly Ridge[] {
  const b = size.base / 2;
  const h = size.head / 2;
  const baseRim: Ridge = {
    line: [
      [-0.85 * b, 1.9],
      [-0.4 * b, 1.5],
      [0, 1.45],
      [0.4 * b, 1.5],
      [0.85 * b, 1.9],
    ],
    thicknessMm: kind === "metacarpal" ? 1.2 : 1.5,
    sigmaMm: 0.28,
  };
  if (kind === "distal") return [baseRim];
  const l = size.length;
  const headRim: Ridge = {
    line: [
      [-0.8 * h, l - 0.5 * h],
      [-0.35 * h, l - 0.28 * h],
      [0.35 * h, l - 0.28 * h],
      [0.8 * h, l - 0.5 * h],
    ],
    thicknessMm: 0.7,
    sigmaMm: 0.35,
  };
  return [baseRim, headRim];
}
