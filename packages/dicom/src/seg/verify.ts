import type { CodedConcept } from "@samrefine/core";
import { sameNumbers } from "../series/plane.ts";
import { imageKeyOf, type SourceInstance } from "../series/source-instance.ts";
import { labFromRgb, rgbFromLab } from "./color.ts";
import { decodeSeg } from "./decode.ts";
import { quantiseProbability } from "./frames.ts";
import type { LabelSource } from "./label-frames.ts";
import { segError } from "./request.ts";
import type { DecodedFrame, DecodedSeg, DecodedSegment, SegRequest, SegSegment } from "./types.ts";

export interface SegVerification {
  readonly frames: number;
  /** Pixels whose stored value was compared with the request, empty frames included. */
  readonly pixels: number;
}

function differs(what: string, details: Readonly<Record<string, string | number>> = {}): Error {
  return segError(
    `The encoded segmentation does not come back as it went in: ${what}`,
    "Do not store it. Download the masks in another format and report this as a fault of the writer.",
    details,
  );
}

function sameConcept(a: CodedConcept | undefined, b: CodedConcept | undefined): boolean {
  return a?.value === b?.value && a?.scheme === b?.scheme && a?.meaning === b?.meaning;
}

function sameConcepts(a: readonly CodedConcept[], b: readonly CodedConcept[]): boolean {
  return a.length === b.length && a.every((concept, index) => sameConcept(concept, b[index]));
}

function checkSegment(wanted: SegSegment, found: DecodedSegment | undefined): void {
  const isSame =
    found !== undefined &&
    found.label === wanted.label.trim() &&
    sameConcept(found.category, wanted.category) &&
    sameConcept(found.type, wanted.type) &&
    sameConcepts(found.typeModifiers, wanted.typeModifiers ?? []) &&
    sameConcept(found.anatomicRegion, wanted.anatomicRegion) &&
    found.algorithmType === wanted.algorithmType &&
    (wanted.trackingUid === undefined || found.trackingUid === wanted.trackingUid) &&
    sameNumbers(found.colorRgb ?? [], rgbFromLab(labFromRgb(wanted.colorRgb)));
  if (!isSame) throw differs(`the description of segment ${wanted.number} changed.`, { segmentNumber: wanted.number });
}

/** Coordinates travel as decimal strings of 16 characters. */
function closeNumbers(a: readonly number[] | undefined, b: readonly number[] | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.length === b.length &&
    a.every((value, i) => Math.abs(value - (b[i] ?? Number.NaN)) <= 1e-6 + Math.abs(value) * 1e-8)
  );
}

function checkPlane(frame: DecodedFrame, source: SourceInstance): void {
  const isPlaced = source.position !== undefined && source.orientation !== undefined;
  const isSame =
    closeNumbers(frame.position, isPlaced ? source.position : undefined) &&
    closeNumbers(frame.orientation, isPlaced ? source.orientation : undefined) &&
    (!isPlaced ||
      closeNumbers(
        frame.spacingMm && [frame.spacingMm.x, frame.spacingMm.y],
        source.spacingMm && [source.spacingMm.x, source.spacingMm.y],
      ));
  if (isSame) return;
  throw differs(`frame ${frame.index + 1} lies elsewhere than its image ${source.sopInstanceUid}.`, {
    frame: frame.index + 1,
    sopInstanceUid: source.sopInstanceUid,
  });
}

/** What the file must hold for one segment on one instance, in stored values 0..maximum; undefined = nothing. */
function expectedValues(request: SegRequest, seg: DecodedSeg, segment: number, index: number): Uint8Array | undefined {
  const mask = request.masks(segment, index);
  if (mask === undefined) return undefined;
  if (seg.kind === "FRACTIONAL") {
    const { values, any } = quantiseProbability(mask);
    return any ? values : undefined;
  }
  return mask instanceof Uint8Array && mask.includes(1) ? mask : undefined;
}

/** Four bytes at a time while they agree, as they nearly always do. */
function countUnequal(a: Uint8Array, b: Uint8Array | Uint16Array, length: number): number {
  let count = 0;
  let at = 0;
  if (b instanceof Uint8Array && a.byteOffset % 4 === 0 && b.byteOffset % 4 === 0) {
    const words = length >> 2;
    const left = new Uint32Array(a.buffer, a.byteOffset, words);
    const right = new Uint32Array(b.buffer, b.byteOffset, words);
    for (let i = 0; i < words; i++) {
      if (left[i] === right[i]) continue;
      for (at = i * 4; at < i * 4 + 4; at++) if (a[at] !== b[at]) count++;
    }
    at = words * 4;
  }
  for (; at < length; at++) if (a[at] !== b[at]) count++;
  return count;
}

/** Loops without a decision per pixel: this runs over every pixel of every segment before each store. */
function countDifferences(
  expected: Uint8Array | undefined,
  stored: Uint8Array | Uint16Array | undefined,
  label: number | undefined,
  pixels: number,
): number {
  if (stored === undefined) return expected === undefined ? 0 : pixels;
  let count = 0;
  if (expected === undefined) {
    const absent = label ?? 0;
    for (let i = 0; i < pixels; i++) if (stored[i] === absent) count++;
    return label === undefined ? pixels - count : count;
  }
  if (label === undefined) return countUnequal(expected, stored, pixels);
  for (let i = 0; i < pixels; i++) if ((stored[i] === label) !== (expected[i] === 1)) count++;
  return count;
}

/** A label map is compared slice by slice: the frames of an instance, painted over each other, must make its labels again. */
function compareLabels(seg: DecodedSeg, request: SegRequest, labels: LabelSource): void {
  const framesOf = new Map<string, DecodedFrame[]>();
  for (const frame of seg.frames) {
    const image = imageKeyOf(frame.sourceSopInstanceUid, frame.sourceFrameNumber);
    const frames = framesOf.get(image);
    if (frames === undefined) framesOf.set(image, [frame]);
    else frames.push(frame);
  }
  const scratch = new Uint16Array(seg.rows * seg.columns);
  let seen = 0;
  request.sources.forEach((source, instanceIndex) => {
    const wanted = labels(instanceIndex);
    const frames = framesOf.get(imageKeyOf(source.sopInstanceUid, source.frameNumber)) ?? [];
    seen += frames.length;
    scratch.fill(0);
    let painted = 0;
    for (const frame of frames) {
      checkPlane(frame, source);
      if (frame.segmentNumber === undefined) scratch.set(seg.frame(frame.index));
      else painted += seg.paint(frame.index, scratch, frame.segmentNumber);
    }
    let set = 0;
    let different = 0;
    for (let i = 0; i < scratch.length; i++) {
      if (scratch[i] !== 0) set++;
      if (scratch[i] !== (wanted?.[i] ?? 0)) different++;
    }
    // More painted than set: two frames hold the same pixel, which no label map does.
    const doubled = seg.kind === "BINARY" ? painted - set : 0;
    if (different === 0 && doubled === 0) return;
    throw differs(`${source.sopInstanceUid} differs in ${different + doubled} pixels.`, {
      sopInstanceUid: source.sopInstanceUid,
      different: different + doubled,
    });
  });
  if (seen !== seg.frames.length) throw differs(`${seg.frames.length - seen} frames belong to no source.`);
}

/**
 * Reads an encoded segmentation back and compares every pixel, every plane and every description with what was asked for.
 * Run it before every store.
 * @throws RefineError `seg-encoding` with the first difference; `unsupported-dicom` when the bytes cannot be read at all.
 */
export function verifySeg(bytes: Uint8Array, request: SegRequest): SegVerification {
  const seg = decodeSeg(bytes);
  const kind = request.kind ?? "BINARY";
  if (seg.kind !== kind) throw differs(`it is ${seg.kind}, not ${kind}.`);
  const [first] = request.sources;
  if (first === undefined || seg.rows !== first.rows || seg.columns !== first.columns) {
    throw differs(`its frames have ${seg.columns} x ${seg.rows} pixels.`);
  }
  if (seg.frameOfReferenceUid !== first.frameOfReferenceUid || seg.studyInstanceUid !== first.studyInstanceUid) {
    throw differs("its study or frame of reference changed.");
  }
  if (seg.segments.length !== request.segments.length) throw differs(`it has ${seg.segments.length} segments.`);
  for (const segment of request.segments) {
    checkSegment(
      segment,
      seg.segments.find(({ number }) => number === segment.number),
    );
  }
  const key = (segment: number | undefined, image: string): string => `${segment ?? ""}@${image}`;
  const frameOf = new Map(
    seg.frames.map((frame) => [
      key(frame.segmentNumber, imageKeyOf(frame.sourceSopInstanceUid, frame.sourceFrameNumber)),
      frame,
    ]),
  );
  if (frameOf.size !== seg.frames.length) throw differs("two frames hold the same segment on the same image.");

  const pixels = first.rows * first.columns;
  if (request.masks.labels !== undefined && kind !== "FRACTIONAL") {
    compareLabels(seg, request, request.masks.labels);
    return { frames: seg.frames.length, pixels: pixels * request.sources.length };
  }
  let compared = 0;
  const seen = new Set<number>();
  request.sources.forEach((source, instanceIndex) => {
    const image = imageKeyOf(source.sopInstanceUid, source.frameNumber);
    const shared = frameOf.get(key(undefined, image));
    const sharedPixels = shared === undefined ? undefined : seg.frame(shared.index);
    for (const { number } of request.segments) {
      const frame = kind === "LABELMAP" ? shared : frameOf.get(key(number, image));
      const stored = kind === "LABELMAP" ? sharedPixels : frame && seg.frame(frame.index);
      const expected = expectedValues(request, seg, number, instanceIndex);
      const different = countDifferences(expected, stored, kind === "LABELMAP" ? number : undefined, pixels);
      if (different > 0) {
        throw differs(`segment ${number} on ${source.sopInstanceUid} differs in ${different} pixels.`, {
          segmentNumber: number,
          sopInstanceUid: source.sopInstanceUid,
          different,
        });
      }
      compared += pixels;
      if (frame === undefined) continue;
      if (!seen.has(frame.index)) checkPlane(frame, source);
      seen.add(frame.index);
    }
  });
  if (seen.size !== seg.frames.length) throw differs(`${seg.frames.length - seen.size} frames belong to no source.`);
  return { frames: seg.frames.length, pixels: compared };
}
