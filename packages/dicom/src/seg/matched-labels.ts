import type { SegmentNumber } from "@samrefine/core";
import type { SourceInstance } from "../series/source-instance.ts";
import type { DecodedSeg } from "./types.ts";

/** A slice without labels, in 16 bits where a segment number needs them. */
export function emptyLabels(seg: DecodedSeg, { rows, columns }: SourceInstance): Uint8Array | Uint16Array {
  const isWide = seg.segments.some(({ number }) => number > 255);
  return isWide ? new Uint16Array(rows * columns) : new Uint8Array(rows * columns);
}

/** Exclusive labels from values 0..1 per segment; undefined when no segment reaches one half anywhere. */
export function labelsFromMasks(
  seg: DecodedSeg,
  source: SourceInstance,
  valuesOf: (segment: SegmentNumber) => Float32Array | undefined,
): Uint8Array | Uint16Array | undefined {
  let labels: Uint8Array | Uint16Array | undefined;
  const numbers = seg.segments.map(({ number }) => number).sort((a, b) => a - b);
  for (const number of numbers) {
    const values = valuesOf(number);
    if (values === undefined) continue;
    for (let i = 0; i < values.length; i++) {
      if (values[i]! < 0.5) continue;
      labels ??= emptyLabels(seg, source);
      labels[i] = number;
    }
  }
  return labels;
}
