import type { SegmentNumber } from "@samrefine/core";
import { textOf } from "../dataset/attributes.ts";
import { columnDirection, dot, isOrthonormal, normalOf, rowDirection, scale, subtract } from "../series/plane.ts";
import { imageKeyOf, type SourceInstance, type Vector3 } from "../series/source-instance.ts";
import { holdsSegment } from "./decode.ts";
import { emptyLabels, labelsFromMasks } from "./matched-labels.ts";
import { resampleSeg } from "./resample.ts";
import type { DecodedFrame, DecodedSeg, SegMatchOptions, SegMatchResult, SegMismatch } from "./types.ts";

/** Distance from an image plane (mm) up to which a frame counts as lying in it; planes are stated in rounded decimals. */
const IN_PLANE_MM = 0.02;
/** Deviation from the pixel lattice, in pixels over the whole frame, up to which pixels count as the same. */
const ON_LATTICE_PIXELS = 0.1;

/** Cosine of 0.1 degrees. */
const PARALLEL: number = Math.cos((0.1 * Math.PI) / 180);

/** Sends pixel (x, y) of a frame to pixel (x0 + ax * x + bx * y, y0 + ay * x + by * y) of an instance; integers. */
interface LatticeMap {
  readonly x0: number;
  readonly y0: number;
  readonly ax: number;
  readonly ay: number;
  readonly bx: number;
  readonly by: number;
}

const IDENTITY: LatticeMap = { x0: 0, y0: 0, ax: 1, ay: 0, bx: 0, by: 1 };

interface PlacedFrame {
  readonly frame: DecodedFrame;
  readonly map: LatticeMap;
}

function isIdentity(map: LatticeMap, seg: DecodedSeg, source: SourceInstance): boolean {
  const sameSize = seg.rows === source.rows && seg.columns === source.columns;
  return sameSize && map.x0 === 0 && map.y0 === 0 && map.ax === 1 && map.by === 1;
}

type Fit = { readonly map: LatticeMap } | { readonly mismatch: SegMismatch };

function mismatch(code: SegMismatch["code"], message: string, details: SegMismatch["details"]): Fit {
  return { mismatch: { code, message, details } };
}

/** How a frame lies on an instance: exactly on its pixels (flips, quarter turns and crops included), or not. */
function fitFrame(frame: DecodedFrame, seg: DecodedSeg, source: SourceInstance): Fit {
  const details = { frame: frame.index + 1, sopInstanceUid: source.sopInstanceUid };
  const { position, orientation, spacingMm } = frame;
  if (
    source.position === undefined ||
    source.orientation === undefined ||
    position === undefined ||
    orientation === undefined
  ) {
    if (seg.rows === source.rows && seg.columns === source.columns) return { map: IDENTITY };
    return mismatch(
      "other-grid",
      `The frame has ${seg.columns} x ${seg.rows} pixels, its image ${source.columns} x ${source.rows}, and no plane says how they lie.`,
      details,
    );
  }
  const imageOrientation = source.orientation;
  if (
    source.spacingMm === undefined ||
    spacingMm === undefined ||
    !isOrthonormal(imageOrientation) ||
    !isOrthonormal(orientation)
  ) {
    return mismatch("no-geometry", "Pixel spacing or orientation is missing or unusable.", details);
  }
  const offset = subtract(position, source.position);
  const distance = dot(offset, normalOf(imageOrientation));
  const isParallel = Math.abs(dot(normalOf(orientation), normalOf(imageOrientation))) > PARALLEL;
  if (!isParallel) return mismatch("other-orientation", "The frame is not parallel to the image.", details);
  if (Math.abs(distance) > IN_PLANE_MM) {
    return mismatch("off-plane", `The frame lies ${distance.toFixed(3)} mm from the image plane.`, {
      ...details,
      distance,
    });
  }
  const { x, y } = source.spacingMm;
  const toPixels = (v: Vector3): readonly [number, number] => [
    dot(v, rowDirection(imageOrientation)) / x,
    dot(v, columnDirection(imageOrientation)) / y,
  ];
  const origin = toPixels(offset);
  const stepX = toPixels(scale(rowDirection(orientation), spacingMm.x));
  const stepY = toPixels(scale(columnDirection(orientation), spacingMm.y));
  if (!isAlongAxis(stepX) || !isAlongAxis(stepY)) {
    return mismatch("other-orientation", "The frame's rows and columns are not those of the image.", details);
  }
  const [ax, ay, bx, by] = [...stepX, ...stepY].map(Math.round) as [number, number, number, number];
  const map: LatticeMap = { x0: Math.round(origin[0]), y0: Math.round(origin[1]), ax, ay, bx, by };
  const [lastX, lastY] = [seg.columns - 1, seg.rows - 1];
  const stretch = Math.max(Math.abs(Math.hypot(...stepX) - 1) * lastX, Math.abs(Math.hypot(...stepY) - 1) * lastY);
  if (Math.abs(ax * by - ay * bx) !== 1 || stretch > ON_LATTICE_PIXELS) {
    return mismatch(
      "other-spacing",
      `The frame's pixels are ${spacingMm.x} x ${spacingMm.y} mm, the image's ${x} x ${y} mm.`,
      details,
    );
  }
  const drift = Math.max(Math.abs(origin[0] - map.x0), Math.abs(origin[1] - map.y0));
  if (drift > ON_LATTICE_PIXELS) {
    return mismatch("other-grid", `The frame is shifted by ${drift.toFixed(3)} of a pixel.`, { ...details, drift });
  }
  return { map };
}

/** A step goes along the rows or along the columns, and does not leave the plane, within 0.1 degrees. */
function isAlongAxis(step: readonly [number, number]): boolean {
  const [major, minor] = Math.abs(step[0]) > Math.abs(step[1]) ? step : [step[1], step[0]];
  return major !== 0 && Math.abs(minor / major) < 0.0018;
}

/** What makes the whole SEG foreign to the series, before any frame is looked at. */
function foreignness(seg: DecodedSeg, sources: readonly SourceInstance[]): readonly SegMismatch[] {
  const [first] = sources;
  if (first === undefined) return [{ code: "source-absent", message: "The series has no instances.", details: {} }];
  const found: SegMismatch[] = [];
  const patientId = textOf(first.attributes, "PatientID");
  if (patientId !== undefined && seg.patientId !== undefined && patientId !== seg.patientId) {
    found.push({ code: "other-patient", message: "The segmentation belongs to another patient.", details: {} });
  }
  const isSameStudy = seg.studyInstanceUid === undefined || seg.studyInstanceUid === first.studyInstanceUid;
  if (
    !isSameStudy &&
    (seg.frameOfReferenceUid === undefined || seg.frameOfReferenceUid !== first.frameOfReferenceUid)
  ) {
    found.push({
      code: "other-study",
      message: "The segmentation belongs to another study and shares no frame of reference with the series.",
      details: { studyInstanceUid: seg.studyInstanceUid ?? null },
    });
  }
  const bothFramed = seg.frameOfReferenceUid !== undefined && first.frameOfReferenceUid !== undefined;
  if (bothFramed && seg.frameOfReferenceUid !== first.frameOfReferenceUid) {
    found.push({
      code: "other-frame-of-reference",
      message: "The segmentation and the series have different frames of reference.",
      details: {
        segmentation: seg.frameOfReferenceUid ?? null,
        series: first.frameOfReferenceUid ?? null,
      },
    });
  }
  return found;
}

/** The instance whose plane is nearest to the frame, for frames that name no source at hand. */
function nearestInstance(frame: DecodedFrame, sources: readonly SourceInstance[]): number | undefined {
  if (frame.position === undefined) return undefined;
  let best: number | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  sources.forEach((source, index) => {
    if (source.position === undefined || source.orientation === undefined || frame.position === undefined) return;
    const distance = Math.abs(dot(subtract(frame.position, source.position), normalOf(source.orientation)));
    if (distance < bestDistance) {
      bestDistance = distance;
      best = index;
    }
  });
  return best;
}

/**
 * Lays a segmentation over a series. Frames are placed by their own planes and by the sources that they name, never by
 * their order; flipped, turned and cropped frames are put back exactly. A frame that does not fall on the pixels of its image
 * refuses the whole match, with the difference named, unless resampling is asked for.
 * @param sources instances in the order that the result counts them.
 */
export function matchToSeries(
  seg: DecodedSeg,
  sources: readonly SourceInstance[],
  options: SegMatchOptions = {},
): SegMatchResult {
  const foreign = foreignness(seg, sources);
  if (foreign.length > 0) return { kind: "refused", reasons: foreign };
  const indexOfImage = new Map(
    sources.map(({ sopInstanceUid, frameNumber }, index) => [imageKeyOf(sopInstanceUid, frameNumber), index]),
  );
  const byInstance = new Map<number, PlacedFrame[]>();
  const unmatched: number[] = [];
  const reasons = new Map<string, SegMismatch>();
  for (const frame of seg.frames) {
    // Some writers give a frame number to single-frame sources, too.
    const named =
      indexOfImage.get(imageKeyOf(frame.sourceSopInstanceUid, frame.sourceFrameNumber)) ??
      indexOfImage.get(imageKeyOf(frame.sourceSopInstanceUid, undefined));
    const index = named ?? nearestInstance(frame, sources);
    const source = index === undefined ? undefined : sources[index];
    if (index === undefined || source === undefined) {
      unmatched.push(frame.index);
      continue;
    }
    const fit = fitFrame(frame, seg, source);
    if ("mismatch" in fit) {
      // A frame between or beyond the planes at hand belongs to an instance that is absent.
      if (named === undefined && fit.mismatch.code === "off-plane") unmatched.push(frame.index);
      else if (!reasons.has(fit.mismatch.code)) reasons.set(fit.mismatch.code, fit.mismatch);
      continue;
    }
    const placed = byInstance.get(index);
    if (placed === undefined) byInstance.set(index, [{ frame, map: fit.map }]);
    else placed.push({ frame, map: fit.map });
  }
  if (reasons.size > 0) {
    const differences = [...reasons.values()];
    return options.resample === true
      ? resampleSeg(seg, sources, differences)
      : { kind: "refused", reasons: differences };
  }
  if (byInstance.size === 0) {
    const message = "None of the segmentation's frames lies on an image of the series.";
    const absent: SegMismatch = { code: "source-absent", message, details: { frames: seg.frames.length } };
    return options.resample === true ? resampleSeg(seg, sources, [absent]) : { kind: "refused", reasons: [absent] };
  }
  return {
    kind: "matched",
    differences: [],
    unmatchedFrames: unmatched,
    instancesOf: (segment) =>
      [...byInstance]
        .filter(([index, placed]) => hasSegment(seg, placed, segment, sources[index]))
        .map(([index]) => index)
        .sort((a, b) => a - b),
    labels: (instanceIndex) => labelsOn(seg, byInstance.get(instanceIndex), sources[instanceIndex]),
    mask: (segment, instanceIndex) => {
      const single = soleBinaryFrame(seg, byInstance.get(instanceIndex), segment, sources[instanceIndex]);
      if (single !== undefined) return single;
      const values = collect(seg, byInstance.get(instanceIndex), segment, sources[instanceIndex]);
      return values === undefined ? undefined : Uint8Array.from(values, (value) => (value >= 0.5 ? 1 : 0));
    },
    probability: (segment, instanceIndex) =>
      collect(seg, byInstance.get(instanceIndex), segment, sources[instanceIndex]),
  };
}

function hasSegment(
  seg: DecodedSeg,
  placed: readonly PlacedFrame[],
  segment: SegmentNumber,
  source: SourceInstance | undefined,
): boolean {
  if (seg.kind !== "LABELMAP") return placed.some(({ frame }) => holdsSegment(frame, segment));
  return collect(seg, placed, segment, source) !== undefined;
}

/** Segment numbers in ascending order, so that the highest lies on top. */
function labelsOn(
  seg: DecodedSeg,
  placed: readonly PlacedFrame[] | undefined,
  source: SourceInstance | undefined,
): Uint8Array | Uint16Array | undefined {
  if (placed === undefined || source === undefined) return undefined;
  const canPaint = seg.kind === "BINARY" && placed.every(({ map }) => isIdentity(map, seg, source));
  if (!canPaint) return labelsFromMasks(seg, source, (segment) => collect(seg, placed, segment, source));
  const labels = emptyLabels(seg, source);
  const frames = placed.map(({ frame }) => frame).sort((a, b) => (a.segmentNumber ?? 0) - (b.segmentNumber ?? 0));
  let count = 0;
  for (const frame of frames) count += seg.paint(frame.index, labels, frame.segmentNumber ?? 0);
  return count === 0 ? undefined : labels;
}

/** The common case, which needs no arithmetic: one binary frame on the image's own grid. */
function soleBinaryFrame(
  seg: DecodedSeg,
  placed: readonly PlacedFrame[] | undefined,
  segment: SegmentNumber,
  source: SourceInstance | undefined,
): Uint8Array | undefined {
  if (seg.kind !== "BINARY" || source === undefined) return undefined;
  const [only, another] = placed?.filter(({ frame }) => holdsSegment(frame, segment)) ?? [];
  if (only === undefined || another !== undefined || !isIdentity(only.map, seg, source)) return undefined;
  const pixels = seg.frame(only.frame.index);
  return pixels instanceof Uint8Array ? pixels : undefined;
}

/** Values 0..1 of one segment on one instance; undefined where no frame holds it. */
function collect(
  seg: DecodedSeg,
  placed: readonly PlacedFrame[] | undefined,
  segment: SegmentNumber,
  source: SourceInstance | undefined,
): Float32Array | undefined {
  if (placed === undefined || source === undefined) return undefined;
  let out: Float32Array | undefined;
  const maximum = seg.maximumFractionalValue ?? 1;
  for (const { frame, map } of placed) {
    if (!holdsSegment(frame, segment)) continue;
    const stored = seg.frame(frame.index);
    const valueAt = (i: number): number =>
      seg.kind === "LABELMAP" ? Number(stored[i] === segment) : stored[i]! / maximum;
    if (seg.kind === "LABELMAP" && !stored.includes(segment)) continue;
    out ??= new Float32Array(source.rows * source.columns);
    const direct = isIdentity(map, seg, source);
    for (let i = 0; i < stored.length; i++) {
      const value = valueAt(i);
      if (value === 0) continue;
      if (direct) {
        out[i] = Math.max(out[i]!, value);
        continue;
      }
      const fx = i % seg.columns;
      const fy = (i - fx) / seg.columns;
      const x = map.x0 + map.ax * fx + map.bx * fy;
      const y = map.y0 + map.ay * fx + map.by * fy;
      // Beyond the image there is nothing to draw on; a crop of a larger grid may hold such pixels.
      if (x < 0 || y < 0 || x >= source.columns || y >= source.rows) continue;
      const at = y * source.columns + x;
      out[at] = Math.max(out[at]!, value);
    }
  }
  return out;
}
