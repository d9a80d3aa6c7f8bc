import type { Point } from "../raster/outline.ts";

/** The classes of a hand radiograph; the number of a segment is its place in this list, counted from 1. */
export const HAND_CLASSES = [
  "radius",
  "ulna",
  "scaphoid",
  "lunate",
  "triquetrum",
  "pisiform",
  "trapezium",
  "trapezoid",
  "capitate",
  "hamate",
  "metacarpal-1",
  "metacarpal-2",
  "metacarpal-3",
  "metacarpal-4",
  "metacarpal-5",
  "proximal-phalanges",
  "middle-phalanges",
  "distal-phalanges",
] as const;

export type HandClass = (typeof HAND_CLASSES)[number];

/**
 * One bone as it is projected. Hand frame, mm: origin in the capitate, x towards the thumb, y towards the fingertips.
 */
export interface Bone {
  /** Sesamoids belong to no class. */
  readonly class: HandClass | "sesamoid";
  /** Closed polygon. */
  readonly outline: readonly Point[];
  /** From the proximal to the distal end; position along it is a fraction. */
  readonly axis: { readonly from: Point; readonly to: Point };
  /** Thickness of the cortical shell in mm at a fraction along the axis. */
  readonly cortexMm: (along: number) => number;
  /** Share of full cancellous density at a fraction along the axis: 1 in the ends, little in the marrow cavity. */
  readonly spongiosa: (along: number) => number;
  /** Front-to-back thickness relative to what inflating the outline gives. */
  readonly depth: number;
  /** Where given, thickness levels off over this distance. */
  readonly screenMm?: number;
  /** Edges seen through the bone: the far rim of a joint surface, a tubercle, a hook. */
  readonly ridges: readonly Ridge[];
  /** Growth plate, as a fraction along the axis; absent in adults. */
  readonly growthPlate?: { readonly at: number; readonly widthMm: number };
}

export interface Ridge {
  readonly line: readonly Point[];
  /** Extra cortical bone along the beam in the middle of the line, mm. */
  readonly thicknessMm: number;
  readonly sigmaMm: number;
}

/** 0 below `from`, 1 above `to`, smooth between. */
export function smoothStep(from: number, to: number, value: number): number {
  const t = Math.min(Math.max((value - from) / (to - from), 0), 1);
  return t * t * (3 - 2 * t);
}
