import {
  type EncodedSeg,
  encodeSeg,
  type MaskSource,
  masksOfLabels,
  type SegRequest,
  type SegSegment,
  type SourceInstance,
  verifySeg,
} from "@samrefine/dicom";
import { segmentMask } from "../labelmap/edit.ts";
import { decodeLabels, type LabelRuns } from "../labelmap/runs.ts";
import type { HiddenPixels } from "../refinery/contract.ts";

/** A SEG to be written, as plain data that can cross to a worker. */
export interface SegJob {
  /** One per slice, in slice order. */
  readonly sources: readonly SourceInstance[];
  readonly slices: readonly { readonly labels: LabelRuns; readonly hidden: readonly HiddenPixels[] }[];
  /** Numbered 1..N; `labelValue` is the segment's value in the label map, which may have gaps. */
  readonly segments: readonly (SegSegment & { readonly labelValue: number })[];
  readonly seriesDescription: string;
  /** Empty when nobody gave it. */
  readonly contentCreatorName: string;
  readonly seriesNumber: number;
  readonly created: Date;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly predecessor?: NonNullable<SegRequest["predecessor"]> | undefined;
}

export interface WrittenSeg {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly studyInstanceUid: string;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameCount: number;
}

/**
 * Writes the SEG and reads it back before anyone else sees it.
 * @throws RefineError `seg-encoding`, `unsupported-dicom`.
 */
export function writeSeg(job: SegJob): WrittenSeg {
  const request = segRequest(job);
  const encoded: EncodedSeg = encodeSeg(request);
  verifySeg(encoded.bytes, request);
  const { bytes, sopInstanceUid, seriesInstanceUid, frameCount } = encoded;
  // A SEG belongs to the study of its images.
  const { studyInstanceUid } = job.sources[0]!;
  return { bytes, studyInstanceUid, sopInstanceUid, seriesInstanceUid, frameCount };
}

/** @throws RefineError `seg-encoding` when what came back from the archive is not what was to be stored. */
export function compareSeg(bytes: Uint8Array, job: SegJob): void {
  verifySeg(bytes, segRequest(job));
}

/**
 * The masks of a job by segment number and slice; quick when asked slice by slice.
 * @param overlaps "kept", or "as-shown": only what the exclusive labels on screen show of a segment.
 */
export function masksOfJob(
  job: SegJob,
  overlaps: "kept" | "as-shown",
): (segment: number, slice: number) => Uint8Array | undefined {
  const labelValues = new Map(job.segments.map(({ number, labelValue }) => [number, labelValue]));
  let decoded: { readonly slice: number; readonly labels: Uint8Array } | undefined;
  return (segment, slice) => {
    const state = job.slices[slice];
    const labelValue = labelValues.get(segment);
    if (!state || labelValue === undefined) return undefined;
    if (decoded?.slice !== slice) decoded = { slice, labels: decodeLabels(state.labels) };
    return segmentMask(decoded.labels, labelValue, overlaps === "kept" ? state.hidden : []);
  };
}

function overlapsIn({ slices }: SegJob): boolean {
  return slices.some(({ hidden }) => hidden.length > 0);
}

/** The labels on screen as segment numbers; values that no segment of the job has are background. */
function labelsOfJob({ slices, segments }: SegJob): NonNullable<MaskSource["labels"]> {
  const numbers = new Uint8Array(256);
  for (const { labelValue, number } of segments) numbers[labelValue] = number;
  return (slice) => {
    const state = slices[slice];
    return state && decodeLabels(state.labels).map((label) => numbers[label]!);
  };
}

function segRequest(job: SegJob): SegRequest {
  return {
    kind: "BINARY",
    sources: job.sources,
    segments: job.segments.map(({ labelValue: _, ...segment }) => segment),
    masks: overlapsIn(job) ? masksOfJob(job, "kept") : masksOfLabels(labelsOfJob(job)),
    seriesDescription: job.seriesDescription,
    seriesNumber: job.seriesNumber,
    contentLabel: "SAM_REFINE",
    contentCreatorName: job.contentCreatorName,
    created: job.created,
    sopInstanceUid: job.sopInstanceUid,
    seriesInstanceUid: job.seriesInstanceUid,
    ...(job.predecessor ? { predecessor: job.predecessor } : {}),
  };
}
