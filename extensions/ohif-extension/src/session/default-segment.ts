import type { CodedConcept } from "@samrefine/core";
import type { SegmentInfo } from "../labelmap/segmentation-record.ts";

/** Said of segments whose meaning nobody has stated (CID 7150 and 7151 both hold it). */
const ANATOMICAL_STRUCTURE: CodedConcept = { value: "91723000", scheme: "SCT", meaning: "Anatomical Structure" };

/** Distinguishable for the common kinds of colour blindness (Okabe and Ito 2008), in an order that contrasts neighbours. */
const COLORS: readonly (readonly [number, number, number])[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [204, 121, 167],
  [213, 94, 0],
  [0, 114, 178],
];

export function defaultSegment(number: number): SegmentInfo {
  return {
    number,
    label: `Object ${number}`,
    colorRgb: COLORS[(number - 1) % COLORS.length]!,
    category: ANATOMICAL_STRUCTURE,
    type: ANATOMICAL_STRUCTURE,
  };
}
