import type { ImageGeometry, VolumeGeometry } from "../geometry/geometry.ts";

/** 1-based, as in DICOM; 0 is background. */
export type SegmentNumber = number;

/** Binary image, one byte per pixel, values 0 or 1. */
export interface Mask {
  readonly geometry: ImageGeometry;
  readonly data: Uint8Array;
}

/** One class of a {@link SegmentStack}, on its geometry. */
export interface Segment {
  readonly number: SegmentNumber;
  readonly mask: Mask;
  /** 0..1; there when a network made the mask, unless its `logits` alone are. */
  readonly probability?: Float32Array;
  /**
   * Positive where the network sees the class. Alone: what the probability is the sigmoid of, the network's own output.
   * Beside a probability: how far the class is ahead of the strongest other, where classes exclude each other
   * (`marginLogits`).
   */
  readonly logits?: Float32Array;
}

/** Binary segments that may overlap, as a U-Net's sigmoid channels do. All segments share the geometry. */
export interface SegmentStack {
  readonly geometry: ImageGeometry;
  readonly segments: readonly Segment[];
}

/** A coded concept (DICOM PS3.3 8.8): value, scheme, meaning. */
export interface CodedConcept {
  readonly value: string;
  readonly scheme: string;
  readonly meaning: string;
}

export interface SegmentDescription {
  readonly number: SegmentNumber;
  readonly label: string;
  /** 0..255 each. */
  readonly colorRgb: readonly [red: number, green: number, blue: number];
  readonly category: CodedConcept;
  readonly type: CodedConcept;
}

/** Exclusive labels in a volume; `data[i + size[0] * (j + size[1] * k)]`, 0 = background. */
export interface Labelmap {
  readonly geometry: VolumeGeometry;
  readonly data: Uint8Array | Uint16Array;
  readonly descriptions: readonly SegmentDescription[];
}
