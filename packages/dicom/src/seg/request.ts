import { RefineError, type RefineErrorDetails } from "@samrefine/core";
import { imageKeyOf, type SourceInstance } from "../series/source-instance.ts";
import { isUid } from "../uid.ts";
import type { SegKind, SegRequest } from "./types.ts";

export function segError(message: string, hint: string, details: RefineErrorDetails = {}): RefineError {
  return new RefineError("seg-encoding", message, { hint, details });
}

/** The sources have planes in the patient frame, so that frames can be placed there. */
export function hasPatientGeometry(sources: readonly SourceInstance[]): boolean {
  return sources.every((source) => source.position !== undefined && source.orientation !== undefined);
}

function checkSources(sources: readonly SourceInstance[]): void {
  const [first] = sources;
  if (first === undefined)
    throw segError("A segmentation needs at least one source image.", "Give the source instances.");
  const seen = new Set<string>();
  for (const source of sources) {
    const name = source.sopInstanceUid;
    const key = imageKeyOf(name, source.frameNumber);
    if (seen.has(key))
      throw segError(`Source ${name} is given twice.`, "Give every image once.", { sopInstanceUid: name });
    seen.add(key);
    if (source.numberOfFrames !== 1 && source.frameNumber === undefined) {
      throw segError(
        `Source ${name} is a file of ${source.numberOfFrames} frames, not one image.`,
        "Give its frames (framesOf, or the instances of seriesFromInstances).",
        { sopInstanceUid: name, numberOfFrames: source.numberOfFrames },
      );
    }
    if (source.rows !== first.rows || source.columns !== first.columns) {
      throw segError(
        `Source ${name} has ${source.columns} x ${source.rows} pixels, the first one ${first.columns} x ${first.rows}.`,
        "All frames of a segmentation share one size; write one segmentation per size.",
        { sopInstanceUid: name, rows: source.rows, columns: source.columns },
      );
    }
    if (source.studyInstanceUid !== first.studyInstanceUid) {
      throw segError(
        `Source ${name} belongs to another study than the first one.`,
        "Write one segmentation per study.",
        {
          sopInstanceUid: name,
        },
      );
    }
    if (source.frameOfReferenceUid !== first.frameOfReferenceUid) {
      throw segError(
        `Source ${name} has another frame of reference than the first one.`,
        "Write one segmentation per frame of reference.",
        { sopInstanceUid: name, frameOfReferenceUid: source.frameOfReferenceUid ?? null },
      );
    }
  }
  const placed = sources.filter((source) => source.position !== undefined && source.orientation !== undefined).length;
  if (placed !== 0 && placed !== sources.length) {
    throw segError(
      `${placed} of ${sources.length} sources have a position and an orientation.`,
      "Give either images with planes or projection images, not both.",
    );
  }
  if (placed > 0 && first.frameOfReferenceUid === undefined) {
    throw segError("The sources have planes but no Frame of Reference UID.", "Correct the series at its source.");
  }
  if (placed > 0 && first.spacingMm === undefined) {
    throw segError("The sources have planes but no Pixel Spacing.", "Correct the series at its source.");
  }
}

function checkSegments(request: SegRequest, kind: SegKind): void {
  const numbers = request.segments.map((segment) => segment.number);
  if (numbers.length === 0) throw segError("A segmentation needs at least one segment.", "Describe the segments.");
  const isConsecutive = numbers.every((number, index) => number === index + 1);
  if (kind !== "LABELMAP" && !isConsecutive) {
    throw segError(
      `Segment numbers are ${numbers.slice(0, 20).join(", ")}; ${kind} wants 1 to ${numbers.length} in order.`,
      "Renumber the segments, or write a LABELMAP, which allows gaps.",
      { numbers },
    );
  }
  const isIncreasing = numbers.every(
    (n, i) => Number.isInteger(n) && n >= 1 && n <= 65535 && n > (numbers[i - 1] ?? 0),
  );
  if (!isIncreasing)
    throw segError("Segment numbers must increase, from 1 to 65535.", "Renumber the segments.", { numbers });
  for (const segment of request.segments) {
    const details = { segmentNumber: segment.number };
    if (segment.label.trim() === "" || segment.label.length > 64 || segment.label.includes("\\")) {
      throw segError(
        `Segment ${segment.number} needs a label of 1 to 64 characters without backslash.`,
        "Correct the label.",
        details,
      );
    }
    for (const concept of [segment.category, segment.type]) {
      if (concept.value === "" || concept.scheme === "" || concept.meaning === "") {
        throw segError(`Segment ${segment.number} has an incomplete code.`, "Give value, scheme and meaning.", details);
      }
    }
    if (segment.algorithmType !== "MANUAL" && segment.algorithm === undefined) {
      throw segError(
        `Segment ${segment.number} is ${segment.algorithmType} but names no algorithm.`,
        "Give the algorithm's name and version (PS3.3 C.8.20.4).",
        details,
      );
    }
    if ((segment.trackingId === undefined) !== (segment.trackingUid === undefined)) {
      throw segError(`Segment ${segment.number} has only one of tracking id and tracking UID.`, "Give both.", details);
    }
    if (segment.trackingUid !== undefined && !isUid(segment.trackingUid)) {
      throw segError(`Segment ${segment.number} has an invalid tracking UID.`, "Give a valid UID.", details);
    }
    if (segment.colorRgb.some((channel) => !(channel >= 0 && channel <= 255))) {
      throw segError(`Segment ${segment.number} has a colour outside 0 to 255.`, "Correct the colour.", details);
    }
  }
}

/**
 * Refuses what cannot become a valid object.
 * @throws RefineError `seg-encoding` naming the instance or the segment.
 */
export function checkRequest(request: SegRequest, kind: SegKind): void {
  checkSources(request.sources);
  checkSegments(request, kind);
  if (request.transferSyntax === "rle" && kind === "BINARY") {
    throw segError(
      "RLE Lossless does not hold 1-bit pixels.",
      "Use the explicit or deflated transfer syntax for BINARY.",
    );
  }
  if (request.masks.labels !== undefined && kind === "FRACTIONAL") {
    throw segError("A label map holds no probabilities.", "Give masks of floats, or write BINARY or LABELMAP.");
  }
  const { contentLabel } = request;
  if (contentLabel !== undefined && !/^[A-Z0-9 _]{1,16}$/.test(contentLabel)) {
    throw segError(
      `The content label "${contentLabel}" is not a code string of at most 16 characters.`,
      "Use capital letters, digits, space and underscore.",
    );
  }
}
