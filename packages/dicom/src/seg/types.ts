import type { CodedConcept, RefineErrorDetails, SegmentDescription, SegmentNumber } from "@samrefine/core";
import type { Attributes } from "../dataset/attributes.ts";
import type { SourceInstance } from "../series/source-instance.ts";
import type { LabelSource } from "./label-frames.ts";

export type SegKind = "BINARY" | "LABELMAP" | "FRACTIONAL";

/** Segment Algorithm Type (0062,0008): from the segment's true history. */
export type AlgorithmType = "MANUAL" | "SEMIAUTOMATIC" | "AUTOMATIC";

/** What made a segment (PS3.3 10.16). */
export interface SegmentAlgorithm {
  /** E.g. "SAM Refine: tooth-unet 1.0 + mobile-sam". At most 64 characters. */
  readonly name: string;
  readonly version: string;
  /** CID 7162; default (123110, DCM, "Artificial Intelligence"). */
  readonly family?: CodedConcept;
  /** Algorithm Parameters, e.g. the plan's digest. */
  readonly parameters?: string;
}

/** One segment to be written. `number` must run 1..N without gaps for BINARY and FRACTIONAL. */
export interface SegSegment extends SegmentDescription {
  readonly algorithmType: AlgorithmType;
  /** Required unless MANUAL. */
  readonly algorithm?: SegmentAlgorithm;
  /** Segment Description (0062,0006), free text. */
  readonly description?: string;
  /** Both or none; keep them across edits. Made by the writer when absent. */
  readonly trackingId?: string;
  readonly trackingUid?: string;
  /** Anatomic Region Sequence: where a lesion lies. */
  readonly anatomicRegion?: CodedConcept;
  /** Modifiers of the property type, e.g. laterality (CID 244). */
  readonly typeModifiers?: readonly CodedConcept[];
}

/**
 * Mask of one segment on one source instance, row-major, `rows * columns` bytes of 0 | 1 (FRACTIONAL: 0..1 floats),
 * on the instance's own grid. undefined or all zero = no frame is written. Called as often as needed, in any order, and
 * must answer the same every time; the returned array is only read, and not kept.
 */
export interface MaskSource {
  (segment: SegmentNumber, instanceIndex: number): Uint8Array | Float32Array | undefined;
  /** There when the masks come from a label map: see {@link masksOfLabels}. */
  readonly labels?: LabelSource;
}

export interface SegRequest {
  readonly kind?: SegKind;
  /** Source instances in the order that `masks` counts them; frames are written in this order within each segment. */
  readonly sources: readonly SourceInstance[];
  readonly segments: readonly SegSegment[];
  readonly masks: MaskSource;
  readonly seriesDescription: string;
  readonly seriesNumber: number;
  readonly instanceNumber?: number;
  /** Content Label (0070,0080), upper case, at most 16 characters. Default "SEGMENTATION". */
  readonly contentLabel?: string;
  readonly contentDescription?: string;
  /** Person name `Family^Given`; left empty when unknown. */
  readonly contentCreatorName?: string;
  /** Given by the caller so that nothing here reads the clock. Written as local date and time, as the study's dates are. */
  readonly created: Date;
  /** Keep them to make storing idempotent; made anew when absent. */
  readonly sopInstanceUid?: string;
  readonly seriesInstanceUid?: string;
  /** The SEG that this one was edited from; written as a source image of the new one. */
  readonly predecessor?: { readonly sopClassUid: string; readonly sopInstanceUid: string };
  /** Explicit VR Little Endian by default; RLE Lossless and Deflated Explicit are options. */
  readonly transferSyntax?: "explicit" | "deflated" | "rle";
  /** FRACTIONAL only: what the values mean. Default PROBABILITY. */
  readonly fractionalType?: "PROBABILITY" | "OCCUPANCY";
  readonly device?: { readonly softwareVersion?: string; readonly serialNumber?: string };
}

export interface EncodedSeg {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** What was written, by keyword, pixel data left out. */
  readonly dataset: Attributes;
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly frameCount: number;
}

/** A segment as it was read; everything that another writer may leave out is optional. */
export interface DecodedSegment {
  readonly number: SegmentNumber;
  readonly label: string;
  readonly description: string | undefined;
  readonly colorRgb: readonly [red: number, green: number, blue: number] | undefined;
  readonly category: CodedConcept | undefined;
  readonly type: CodedConcept | undefined;
  readonly typeModifiers: readonly CodedConcept[];
  readonly anatomicRegion: CodedConcept | undefined;
  readonly algorithmType: AlgorithmType | undefined;
  readonly algorithmName: string | undefined;
  readonly algorithmVersion: string | undefined;
  readonly algorithmFamily: CodedConcept | undefined;
  readonly algorithmParameters: string | undefined;
  readonly trackingId: string | undefined;
  readonly trackingUid: string | undefined;
}

/** Where a frame lies: the plane's own position, and the source frame that it was drawn on, where the file says so. */
export interface DecodedFrame {
  readonly index: number;
  /** undefined for LABELMAP, whose frames hold all segments. */
  readonly segmentNumber: SegmentNumber | undefined;
  readonly sourceSopInstanceUid: string | undefined;
  /** 1-based frame of a multi-frame source. */
  readonly sourceFrameNumber: number | undefined;
  /** Image Position (Patient), LPS millimetres. */
  readonly position: readonly [number, number, number] | undefined;
  /** Image Orientation (Patient): direction of the row (x grows), then of the column (y grows). */
  readonly orientation: readonly [number, number, number, number, number, number] | undefined;
  readonly spacingMm: { readonly x: number; readonly y: number } | undefined;
  /** Spacing Between Slices, otherwise Slice Thickness: how far the frame's content reaches along its normal. */
  readonly sliceStepMm: number | undefined;
}

export interface DecodedSeg {
  readonly kind: SegKind;
  readonly rows: number;
  readonly columns: number;
  readonly segments: readonly DecodedSegment[];
  readonly frames: readonly DecodedFrame[];
  readonly sopInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly studyInstanceUid: string | undefined;
  readonly patientId: string | undefined;
  readonly frameOfReferenceUid: string | undefined;
  readonly referencedSeriesInstanceUid: string | undefined;
  readonly referencedSopInstanceUids: readonly string[];
  /** FRACTIONAL only: stored value that stands for 1. */
  readonly maximumFractionalValue: number | undefined;
  readonly fractionalType: "PROBABILITY" | "OCCUPANCY" | undefined;
  /** LABELMAP only: the stored value that means background; undefined where every value is a segment. */
  readonly backgroundValue: number | undefined;
  /** Everything else, by keyword. */
  readonly dataset: Attributes;
  /**
   * One frame's stored values, one byte per pixel (two for 16-bit label maps), row-major: 0 | 1 for BINARY, 0..maximum
   * for FRACTIONAL, segment numbers for LABELMAP. Unpacked at each call; the caller owns the array.
   */
  frame(index: number): Uint8Array | Uint16Array;
  /**
   * Writes `value` into `labels` (a slice of this size) wherever a frame is not 0, without unpacking it first where it is
   * BINARY. Not for LABELMAP.
   * @returns Number of pixels written.
   */
  paint(index: number, labels: Uint8Array | Uint16Array, value: number): number;
}

/** Why a SEG cannot be laid over a series, or that it can be with a remark. */
export interface SegMismatch {
  readonly code:
    | "other-patient"
    | "other-study"
    | "other-frame-of-reference"
    | "other-grid"
    | "other-spacing"
    | "other-orientation"
    | "off-plane"
    | "source-absent"
    | "no-geometry";
  readonly message: string;
  readonly details: RefineErrorDetails;
}

/** A SEG laid over a series: which frame belongs to which instance. */
export interface SegMatch {
  readonly kind: "matched";
  /** Whole-slice masks of one segment on one source instance; undefined where the SEG has none. Values 0 | 1. */
  mask(segment: SegmentNumber, instanceIndex: number): Uint8Array | undefined;
  /** Stored fractional values / maximum, 0..1; undefined where there are none. For BINARY and LABELMAP 0 or 1. */
  probability(segment: SegmentNumber, instanceIndex: number): Float32Array | undefined;
  /**
   * All segments on one source instance as exclusive labels (segment numbers; 16 bits where one is above 255): the quick way
   * to a label map. Where segments overlap the highest number lies on top; FRACTIONAL counts from one half. undefined where
   * the SEG has nothing.
   */
  labels(instanceIndex: number): Uint8Array | Uint16Array | undefined;
  /** Instances that hold at least one frame of the segment, ascending. */
  instancesOf(segment: SegmentNumber): readonly number[];
  /** Frames that lie on none of the given instances; none where it was resampled. */
  readonly unmatchedFrames: readonly number[];
  /** Why the segmentation had to be resampled; empty where it lies on the very pixels of the series. */
  readonly differences: readonly SegMismatch[];
}

export interface SegMatchOptions {
  /**
   * Resamples a segmentation whose geometry differs from that of the series instead of refusing it: masks by the nearest
   * voxel, probabilities linearly. Another patient or frame of reference is refused in any case.
   */
  readonly resample?: boolean;
}

export type SegMatchResult = SegMatch | { readonly kind: "refused"; readonly reasons: readonly SegMismatch[] };
