import type { SegmentNumber } from "@samrefine/core";
import {
  columnDirection,
  dot,
  isOrthonormal,
  isSameOrientation,
  normalOf,
  rowDirection,
  scale,
  subtract,
} from "../series/plane.ts";
import { pixelToPatient } from "../series/series.ts";
import type { SourceInstance, Vector3 } from "../series/source-instance.ts";
import { holdsSegment } from "./decode.ts";
import { labelsFromMasks } from "./matched-labels.ts";
import type { DecodedFrame, DecodedSeg, SegMatchResult, SegMismatch } from "./types.ts";

/** Planes closer than this (mm) hold the same slice. */
const SAME_PLANE_MM = 1e-3;
/** Rounding of positions must not push the outermost pixel centres out of their voxels. */
const EDGE = 1e-6;

/** A frame with everything that sampling needs. */
interface Slab {
  readonly frame: DecodedFrame;
  readonly origin: Vector3;
  /** Along the normal, mm. */
  readonly distance: number;
}

/** The segmentation's own grid: parallel planes along one normal. */
interface Grid {
  readonly normal: Vector3;
  /** Pixels per millimetre along the rows and the columns. */
  readonly perMmX: Vector3;
  readonly perMmY: Vector3;
  readonly slabs: readonly Slab[];
  readonly stepMm: number;
}

function refused(message: string): SegMatchResult {
  return { kind: "refused", reasons: [{ code: "no-geometry", message, details: {} }] };
}

/** The grid of the frames; a text says why there is none. */
function gridOf(seg: DecodedSeg): Grid | string {
  const [first] = seg.frames;
  const { orientation, spacingMm } = first ?? {};
  if (orientation === undefined || spacingMm === undefined || !isOrthonormal(orientation)) {
    return "The segmentation's frames have no plane or no pixel spacing, so that it cannot be resampled.";
  }
  const normal = normalOf(orientation);
  const slabs: Slab[] = [];
  for (const frame of seg.frames) {
    const isParallel = frame.orientation !== undefined && isSameOrientation(frame.orientation, orientation);
    const isSameSpacing = frame.spacingMm?.x === spacingMm.x && frame.spacingMm.y === spacingMm.y;
    if (!isParallel || !isSameSpacing || frame.position === undefined) {
      return "The segmentation's frames lie in different directions or have different spacings.";
    }
    slabs.push({ frame, origin: frame.position, distance: dot(frame.position, normal) });
  }
  slabs.sort((a, b) => a.distance - b.distance);
  const gaps = slabs.slice(1).map(({ distance }, i) => distance - slabs[i]!.distance);
  const smallest = gaps.reduce(
    (least, gap) => (gap > SAME_PLANE_MM ? Math.min(least, gap) : least),
    Number.POSITIVE_INFINITY,
  );
  // Frames without content are left out by most writers: gaps may be wider than a step. Slices may be thicker than a step.
  const stepMm = Math.min(first?.sliceStepMm ?? Number.POSITIVE_INFINITY, smallest);
  if (!(stepMm > 0 && Number.isFinite(stepMm))) return "The segmentation does not say how thick its slices are.";
  return {
    normal,
    perMmX: scale(rowDirection(orientation), 1 / spacingMm.x),
    perMmY: scale(columnDirection(orientation), 1 / spacingMm.y),
    slabs,
    stepMm,
  };
}

/** Straight line through an image, in pixels of the segmentation: values at pixel (x, y) are start + x * stepX + y * stepY. */
interface PixelWalk {
  readonly start: Vector3;
  readonly stepX: Vector3;
  readonly stepY: Vector3;
}

function walkOf(source: SourceInstance): PixelWalk | undefined {
  const [start, right, down] = [
    pixelToPatient(source, 0, 0),
    pixelToPatient(source, 1, 0),
    pixelToPatient(source, 0, 1),
  ];
  if (start === undefined || right === undefined || down === undefined) return undefined;
  return { start, stepX: subtract(right, start), stepY: subtract(down, start) };
}

/** Distances along the normal that an image covers. */
function reachOf(
  { start, stepX, stepY }: PixelWalk,
  source: SourceInstance,
  normal: Vector3,
): readonly [number, number] {
  const corners = [0, source.columns - 1].flatMap((x) =>
    [0, source.rows - 1].map((y) => dot(start, normal) + x * dot(stepX, normal) + y * dot(stepY, normal)),
  );
  return [Math.min(...corners), Math.max(...corners)];
}

type Sampling = "nearest" | "linear";

/**
 * Samples one segment on one image. Of each frame that comes near, the weight is 1 within half a slice (nearest), or falls
 * linearly over one slice; beyond the frames there is nothing.
 */
function sample(
  seg: DecodedSeg,
  grid: Grid,
  segment: SegmentNumber,
  source: SourceInstance,
  sampling: Sampling,
): Float32Array | undefined {
  const walk = walkOf(source);
  if (walk === undefined) return undefined;
  const { normal, perMmX, perMmY, stepMm } = grid;
  const [low, high] = reachOf(walk, source, normal);
  const margin = sampling === "nearest" ? stepMm / 2 : stepMm;
  const near = grid.slabs.filter(
    ({ frame, distance }) =>
      holdsSegment(frame, segment) && distance > low - margin - EDGE && distance < high + margin + EDGE,
  );
  let out: Float32Array | undefined;
  for (const slab of near) {
    const stored = seg.frame(slab.frame.index);
    if (seg.kind === "LABELMAP" && !stored.includes(segment)) continue;
    const valueAt = valueReader(seg, stored, segment);
    const offset = subtract(walk.start, slab.origin);
    const along = (axis: Vector3): readonly [number, number, number] => [
      dot(offset, axis),
      dot(walk.stepX, axis),
      dot(walk.stepY, axis),
    ];
    const [x0, xx, xy] = along(perMmX);
    const [y0, yx, yy] = along(perMmY);
    const [z0, zx, zy] = along(scale(normal, 1 / stepMm));
    for (let y = 0, n = 0; y < source.rows; y++) {
      for (let x = 0; x < source.columns; x++, n++) {
        const z = z0 + x * zx + y * zy;
        // The half-open interval gives a pixel that lies between two frames to one of them.
        const weight = sampling === "nearest" ? Number(z >= -0.5 - EDGE && z < 0.5 - EDGE) : 1 - Math.abs(z);
        if (weight <= 0) continue;
        const value = weight * valueAt(x0 + x * xx + y * xy, y0 + x * yx + y * yy, sampling);
        if (value === 0) continue;
        out ??= new Float32Array(source.rows * source.columns);
        out[n] = sampling === "nearest" ? Math.max(out[n]!, value) : Math.min(1, out[n]! + value);
      }
    }
  }
  return out;
}

/** Value 0..1 of a segment at a place in a frame, in pixels of the frame; 0 outside. */
function valueReader(
  seg: DecodedSeg,
  stored: Uint8Array | Uint16Array,
  segment: SegmentNumber,
): (x: number, y: number, sampling: Sampling) => number {
  const { rows, columns } = seg;
  const maximum = seg.maximumFractionalValue ?? 1;
  const at = (x: number, y: number): number => {
    if (x < 0 || y < 0 || x >= columns || y >= rows) return 0;
    const value = stored[y * columns + x]!;
    return seg.kind === "LABELMAP" ? Number(value === segment) : value / maximum;
  };
  return (x, y, sampling) => {
    if (sampling === "nearest") return at(Math.floor(x + 0.5 + EDGE), Math.floor(y + 0.5 + EDGE));
    const [left, top] = [Math.floor(x), Math.floor(y)];
    const [fx, fy] = [x - left, y - top];
    const upper = at(left, top) * (1 - fx) + at(left + 1, top) * fx;
    const lower = at(left, top + 1) * (1 - fx) + at(left + 1, top + 1) * fx;
    return upper * (1 - fy) + lower * fy;
  };
}

/**
 * Lays a segmentation of another geometry over a series of the same frame of reference. Masks take the nearest voxel, so that
 * they hold what was drawn and exclusive segments stay exclusive; probabilities are interpolated in all three directions.
 * @param differences why the pixels do not coincide; handed on in the result.
 */
export function resampleSeg(
  seg: DecodedSeg,
  sources: readonly SourceInstance[],
  differences: readonly SegMismatch[],
): SegMatchResult {
  if (sources.some((source) => walkOf(source) === undefined)) {
    return refused("The series has no planes or no pixel spacing, so that nothing can be resampled onto it.");
  }
  const grid = gridOf(seg);
  if (typeof grid === "string") return refused(grid);
  const sampling: Sampling = seg.kind === "FRACTIONAL" ? "linear" : "nearest";
  const valuesOf = (segment: SegmentNumber, index: number): Float32Array | undefined => {
    const source = sources[index];
    return source === undefined ? undefined : sample(seg, grid, segment, source, sampling);
  };
  return {
    kind: "matched",
    differences,
    unmatchedFrames: [],
    instancesOf: (segment) => sources.flatMap((_, index) => (valuesOf(segment, index) === undefined ? [] : [index])),
    mask: (segment, index) => {
      const values = valuesOf(segment, index);
      return values && Uint8Array.from(values, (value) => (value >= 0.5 ? 1 : 0));
    },
    probability: valuesOf,
    labels: (index) => {
      const source = sources[index];
      return source && labelsFromMasks(seg, source, (segment) => valuesOf(segment, index));
    },
  };
}
