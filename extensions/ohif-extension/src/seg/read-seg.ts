import { RefineError } from "@samrefine/core";
import {
  type DecodedSegment,
  decodeSeg,
  matchToSeries,
  requireText,
  type SegMatch,
  type SegRequest,
  type SourceInstance,
} from "@samrefine/dicom";
import { encodeLabels, type LabelRuns } from "../labelmap/runs.ts";
import type { HiddenPixels } from "../refinery/contract.ts";

/** A stored SEG laid over a series, as plain data that can cross from a worker. */
export interface ReadSeg {
  /** Itself, as the one that is edited from it names it. */
  readonly reference: NonNullable<SegRequest["predecessor"]>;
  readonly segments: readonly DecodedSegment[];
  /** Frames that lie on none of the images of the series, and are not in `slices`. */
  readonly framesElsewhere: number;
  /** One per slice of the series: exclusive labels, and what lies under them where segments overlap. */
  readonly slices: readonly { readonly labels: LabelRuns; readonly hidden: readonly HiddenPixels[] }[];
}

/** A label map holds one byte per pixel. */
const LARGEST_NUMBER = 255;

/**
 * Reads a SEG of any kind that {@link decodeSeg} knows. Where segments overlap, the one with the larger number is shown and
 * the other one is kept beside it.
 * @param sources Of the series, in slice order.
 * @throws RefineError `unsupported-dicom` when it is damaged, lies on other images, or numbers segments other than 1 to 255.
 */
export function readSeg(bytes: Uint8Array, sources: readonly SourceInstance[]): ReadSeg {
  const seg = decodeSeg(bytes);
  const unfit = seg.segments.find(({ number }) => number < 1 || number > LARGEST_NUMBER);
  if (unfit !== undefined) {
    throw new RefineError("unsupported-dicom", `Segment ${unfit.number} cannot be shown; numbers 1 to 255 can.`, {
      details: { segmentNumber: unfit.number },
    });
  }
  const match = matchToSeries(seg, sources);
  if (match.kind === "refused") {
    throw new RefineError("unsupported-dicom", match.reasons.map(({ message }) => message).join(" "), {
      hint: "Open it on the series that it was drawn on.",
    });
  }
  return {
    reference: { sopClassUid: requireText(seg.dataset, "SOPClassUID"), sopInstanceUid: seg.sopInstanceUid },
    segments: seg.segments,
    framesElsewhere: match.unmatchedFrames.length,
    slices: sources.map(({ rows, columns }, slice) =>
      layered(
        match,
        seg.segments.map(({ number }) => number),
        slice,
        rows * columns,
      ),
    ),
  };
}

/** Exclusive labels of one slice; a pixel that a later segment takes is remembered for the earlier one. */
function layered(
  match: SegMatch,
  numbers: readonly number[],
  slice: number,
  pixelCount: number,
): ReadSeg["slices"][number] {
  const labels = new Uint8Array(pixelCount);
  const covered = new Map<number, number[]>();
  for (const number of numbers.toSorted((a, b) => a - b)) {
    const mask = match.mask(number, slice);
    if (mask === undefined) continue;
    for (let i = 0; i < pixelCount; i++) {
      if (mask[i] === 0) continue;
      const below = labels[i] ?? 0;
      if (below !== 0) {
        const pixels = covered.get(below);
        if (pixels) pixels.push(i);
        else covered.set(below, [i]);
      }
      labels[i] = number;
    }
  }
  // A pixel of three segments is remembered for the two below in turn, so every list is in ascending order already.
  const hidden = [...covered].map(([number, pixels]): HiddenPixels => ({ number, pixels: Uint32Array.from(pixels) }));
  return { labels: encodeLabels(labels), hidden };
}
