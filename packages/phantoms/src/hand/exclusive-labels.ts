import type { SegmentStack } from "@samrefine/core";
import { HAND_CLASSES, type HandClass } from "./bone.ts";

/** Who wins where bones overlap, weakest first: small bones over large ones, so that none disappears. */
const PAINTING_ORDER: readonly HandClass[] = [
  "radius",
  "ulna",
  "triquetrum",
  "hamate",
  "capitate",
  "lunate",
  "scaphoid",
  "trapezium",
  "trapezoid",
  "metacarpal-1",
  "metacarpal-5",
  "metacarpal-4",
  "metacarpal-3",
  "metacarpal-2",
  "proximal-phalanges",
  "middle-phalanges",
  "distal-phalanges",
  "pisiform",
];

/**
 * One label per pixel out of a hand's overlapping segments, for formats that know no overlap.
 *
 * @returns row-major segment numbers, 0 = background.
 */
export function exclusiveHandLabels(segments: SegmentStack): Uint8Array<ArrayBuffer> {
  const labels = new Uint8Array(segments.geometry.columns * segments.geometry.rows);
  for (const name of PAINTING_ORDER) {
    const number = HAND_CLASSES.indexOf(name) + 1;
    const mask = segments.segments.find((segment) => segment.number === number)?.mask.data;
    if (!mask) continue;
    for (let i = 0; i < labels.length; i++) if (mask[i] === 1) labels[i] = number;
  }
  return labels;
}
