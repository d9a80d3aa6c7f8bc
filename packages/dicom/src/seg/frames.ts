import type { SegmentNumber } from "@samrefine/core";
import type { SourceInstance } from "../series/source-instance.ts";
import { joinPackedFrames, packFrame } from "./bit-packing.ts";
import { type LabelSource, packLabels } from "./label-frames.ts";
import { segError } from "./request.ts";
import type { SegKind, SegRequest } from "./types.ts";

/** Stored value of probability 1. */
export const MAXIMUM_FRACTIONAL_VALUE = 255;

/** A frame that will be written; `segmentNumber` is undefined in a label map. */
export interface PlannedFrame {
  readonly segmentNumber: SegmentNumber | undefined;
  readonly instanceIndex: number;
  /** BINARY: packed bits of this frame alone. Otherwise one value per pixel. */
  readonly pixels: Uint8Array | Uint16Array;
}

export interface PlannedFrames {
  readonly frames: readonly PlannedFrame[];
  readonly overlap: "YES" | "NO" | "UNDEFINED";
}

function maskOf(
  request: SegRequest,
  segment: SegmentNumber,
  instanceIndex: number,
): Uint8Array | Float32Array | undefined {
  const mask = request.masks(segment, instanceIndex);
  const [source] = request.sources;
  if (mask === undefined || source === undefined) return undefined;
  const expected = source.rows * source.columns;
  if (mask.length !== expected) {
    throw segError(
      `The mask of segment ${segment} on instance ${instanceIndex} has ${mask.length} pixels, its image ${expected}.`,
      "Give masks on the grid of the source image.",
      { segmentNumber: segment, instanceIndex, found: mask.length, expected },
    );
  }
  return mask;
}

function requireBytes(mask: Uint8Array | Float32Array, kind: SegKind): Uint8Array {
  if (mask instanceof Uint8Array) return mask;
  throw segError(
    `${kind} wants masks of 0 and 1, not probabilities.`,
    "Threshold them, or write a FRACTIONAL segmentation.",
  );
}

/** Frames of a label map, whose segments cannot overlap: one walk over each slice. */
function planBinaryLabels(request: SegRequest, labels: LabelSource): PlannedFrames {
  const bySegment = new Map(request.segments.map(({ number }): [number, PlannedFrame[]] => [number, []]));
  request.sources.forEach((source, instanceIndex) => {
    const slice = labelsOn(source, labels(instanceIndex));
    if (slice === undefined) return;
    for (const [number, pixels] of packLabels(slice)) {
      const frames = bySegment.get(number);
      if (frames === undefined) throw undescribed(number, source);
      frames.push({ segmentNumber: number, instanceIndex, pixels });
    }
  });
  return { frames: [...bySegment.values()].flat(), overlap: "NO" };
}

function labelsOn(source: SourceInstance, slice: ReturnType<LabelSource>): ReturnType<LabelSource> {
  const expected = source.rows * source.columns;
  if (slice === undefined || slice.length === expected) return slice;
  throw segError(
    `The labels on ${source.sopInstanceUid} have ${slice.length} pixels, its image ${expected}.`,
    "Give labels on the grid of the source image.",
    { sopInstanceUid: source.sopInstanceUid, found: slice.length, expected },
  );
}

function undescribed(number: number, { sopInstanceUid }: SourceInstance): Error {
  return segError(
    `Label ${number} on ${sopInstanceUid} is no segment of the request.`,
    "Describe every label, or set those that are not meant to 0.",
    { segmentNumber: number, sopInstanceUid },
  );
}

/** Walks instance by instance, so that one instance's masks are alive at a time and overlaps show at no extra cost. */
function planBinary(request: SegRequest): PlannedFrames {
  const { labels } = request.masks;
  if (labels !== undefined) return planBinaryLabels(request, labels);
  const bySegment = request.segments.map((): PlannedFrame[] => []);
  const [first] = request.sources;
  const packedBytes = first === undefined ? 0 : (first.rows * first.columns + 7) >> 3;
  let overlaps = false;
  const occupied = new Uint8Array(packedBytes);
  request.sources.forEach((_, instanceIndex) => {
    occupied.fill(0);
    request.segments.forEach(({ number }, index) => {
      const mask = maskOf(request, number, instanceIndex);
      if (mask === undefined) return;
      const packed = packFrame(requireBytes(mask, "BINARY"), occupied);
      if (packed.isEmpty) return;
      overlaps ||= packed.overlaps;
      bySegment[index]?.push({ segmentNumber: number, instanceIndex, pixels: packed.bytes });
    });
  });
  return { frames: bySegment.flat(), overlap: overlaps ? "YES" : "NO" };
}

/**
 * 0..1 to 0..{@link MAXIMUM_FRACTIONAL_VALUE}, the nearest.
 * @throws RefineError `seg-encoding` for NaN and for values outside 0..1.
 */
export function quantiseProbability(mask: Uint8Array | Float32Array): {
  readonly values: Uint8Array;
  readonly any: boolean;
} {
  const values = new Uint8Array(mask.length);
  let any = 0;
  for (let i = 0; i < mask.length; i++) {
    const value = mask[i]!;
    if (!(value >= 0 && value <= 1)) {
      throw segError(`A probability of ${value} was found; 0 to 1 is accepted.`, "Give probabilities, not logits.");
    }
    const stored = Math.round(value * MAXIMUM_FRACTIONAL_VALUE);
    values[i] = stored;
    any |= stored;
  }
  return { values, any: any !== 0 };
}

function planFractional(request: SegRequest): PlannedFrames {
  const frames: PlannedFrame[] = [];
  for (const { number } of request.segments) {
    request.sources.forEach((_, instanceIndex) => {
      const mask = maskOf(request, number, instanceIndex);
      if (mask === undefined) return;
      const { values, any } = quantiseProbability(mask);
      if (any) frames.push({ segmentNumber: number, instanceIndex, pixels: values });
    });
  }
  // Soft segments share pixels as a rule; whether their objects overlap is not known from probabilities.
  return { frames, overlap: "UNDEFINED" };
}

function planLabelmap(request: SegRequest): PlannedFrames {
  const [first] = request.sources;
  const pixels = first === undefined ? 0 : first.rows * first.columns;
  const isWide = (request.segments.at(-1)?.number ?? 0) > 255;
  const described = new Set(request.segments.map(({ number }) => number));
  const frames: PlannedFrame[] = [];
  request.sources.forEach((source, instanceIndex) => {
    const given = request.masks.labels && labelsOn(source, request.masks.labels(instanceIndex));
    if (given !== undefined) {
      const copied = isWide ? Uint16Array.from(given) : Uint8Array.from(given);
      const foreign = given.find((value) => value !== 0 && !described.has(value));
      if (foreign !== undefined) throw undescribed(foreign, source);
      if (given.some((value) => value !== 0)) frames.push({ segmentNumber: undefined, instanceIndex, pixels: copied });
      return;
    }
    const labels = isWide ? new Uint16Array(pixels) : new Uint8Array(pixels);
    let any = 0;
    for (const { number } of request.segments) {
      const mask = maskOf(request, number, instanceIndex);
      if (mask === undefined) continue;
      any |= paint(labels, requireBytes(mask, "LABELMAP"), number, source.sopInstanceUid);
    }
    if (any !== 0) frames.push({ segmentNumber: undefined, instanceIndex, pixels: labels });
  });
  return { frames, overlap: "NO" };
}

function paint(
  labels: Uint8Array | Uint16Array,
  mask: Uint8Array,
  number: SegmentNumber,
  sopInstanceUid: string,
): number {
  let any = 0;
  for (let i = 0; i < mask.length; i++) {
    const value = mask[i]!;
    if (value === 0) continue;
    if (value > 1)
      throw segError("A mask holds a value other than 0 and 1.", "Threshold the mask before it is encoded.");
    const other = labels[i]!;
    if (other !== 0) {
      throw segError(
        `Segments ${other} and ${number} overlap on ${sopInstanceUid}; a LABELMAP holds one segment per pixel.`,
        "Write a BINARY segmentation, or resolve the overlap.",
        { segments: [other, number], sopInstanceUid },
      );
    }
    labels[i] = number;
    any = 1;
  }
  return any;
}

/**
 * The frames that hold something, segment after segment (label maps: instance after instance).
 * @throws RefineError `seg-encoding` when a mask is wrong or when nothing at all is segmented.
 */
export function planFrames(request: SegRequest, kind: SegKind): PlannedFrames {
  const planned =
    kind === "BINARY" ? planBinary(request) : kind === "FRACTIONAL" ? planFractional(request) : planLabelmap(request);
  if (planned.frames.length > 0) return planned;
  throw segError("No segment has a single pixel, so there is nothing to store.", "Segment something first.");
}

/** The frames' pixels in the order of the file, native encoding. */
export function nativePixels(
  frames: readonly PlannedFrame[],
  kind: SegKind,
  pixelsPerFrame: number,
): readonly Uint8Array[] {
  const chunks = frames.map(({ pixels }) =>
    pixels instanceof Uint8Array ? pixels : new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength),
  );
  return kind === "BINARY" ? joinPackedFrames(chunks, pixelsPerFrame) : chunks;
}
