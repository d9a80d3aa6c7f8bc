import { RefineError } from "@samrefine/core";
import { decodeSeg } from "./decode.ts";
import type { DecodedFrame, DecodedSeg } from "./types.ts";
import type { SegVerification } from "./verify.ts";

function differs(what: string): RefineError {
  return new RefineError("seg-encoding", `The archive does not hold the segmentation that was sent: ${what}`, {
    hint: "Keep the local copy, and ask the archive's administrator what changes objects on their way.",
  });
}

/** Everything of a frame that says whose it is and where it lies. */
function placeOf({ index: _, ...place }: DecodedFrame): string {
  return JSON.stringify(place);
}

function identityOf(seg: DecodedSeg): string {
  const { kind, rows, columns, segments, sopInstanceUid, studyInstanceUid, frameOfReferenceUid } = seg;
  return JSON.stringify({ kind, rows, columns, segments, sopInstanceUid, studyInstanceUid, frameOfReferenceUid });
}

/**
 * Compares two SEG files pixel by pixel, plane by plane and segment by segment. Archives may change the transfer syntax and
 * coerce patient attributes; those are not looked at.
 * @throws RefineError `seg-encoding` with the first difference; `unsupported-dicom` when one of them cannot be read.
 */
export function requireSameSegmentation(sent: Uint8Array, found: Uint8Array): SegVerification {
  const [a, b] = [decodeSeg(sent), decodeSeg(found)];
  if (identityOf(a) !== identityOf(b)) throw differs("its identity, its size or a segment's description changed.");
  if (a.frames.length !== b.frames.length) {
    throw differs(`it has ${b.frames.length} frames instead of ${a.frames.length}.`);
  }
  let pixels = 0;
  for (const [index, frame] of a.frames.entries()) {
    if (placeOf(frame) !== placeOf(b.frames[index]!)) throw differs(`frame ${index + 1} lies elsewhere.`);
    const [left, right] = [a.frame(index), b.frame(index)];
    if (left.some((value, i) => value !== right[i])) throw differs(`pixels of frame ${index + 1} changed.`);
    pixels += left.length;
  }
  return { frames: a.frames.length, pixels };
}
