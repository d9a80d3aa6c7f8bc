import type { HiddenPixels } from "../refinery/contract.ts";
import { forEachRun, type LabelRuns } from "./runs.ts";

/**
 * Replaces one segment's pixels on a slice. Pixels of locked segments stay theirs; pixels of other segments are taken over, as
 * the host's own brush does.
 * @param mask 0 | 1 per pixel.
 * @returns New labels; the input is not changed.
 */
export function withSegmentMask(
  labels: Uint8Array,
  segment: number,
  mask: Uint8Array,
  locked: ReadonlySet<number> = new Set(),
): Uint8Array {
  const result = labels.slice();
  for (let i = 0; i < result.length; i++) {
    const label = result[i]!;
    if (mask[i] === 1) {
      if (label !== segment && !locked.has(label)) result[i] = segment;
    } else if (label === segment) {
      result[i] = 0;
    }
  }
  return result;
}

/** One segment's mask: what is shown as it, and what lies hidden under another segment. */
export function segmentMask(labels: Uint8Array, segment: number, hidden: readonly HiddenPixels[] = []): Uint8Array {
  const mask = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) if (labels[i] === segment) mask[i] = 1;
  for (const { number, pixels } of hidden) {
    if (number !== segment) continue;
    // An erased pixel takes what was hidden under it along: hidden pixels count only while another segment covers them.
    for (const index of pixels) if (labels[index] !== 0) mask[index] = 1;
  }
  return mask;
}

/** A slice without one of its segments: where it lay over others, the topmost of these is seen again. */
export function withoutSegment(
  labels: Uint8Array,
  hidden: readonly HiddenPixels[],
  segment: number,
): { readonly labels: Uint8Array; readonly hidden: readonly HiddenPixels[] } {
  const result = labels.slice();
  for (let i = 0; i < result.length; i++) if (result[i] === segment) result[i] = 0;
  // The larger number lies above, as where a stored SEG is read.
  const others = hidden.filter(({ number }) => number !== segment).toSorted((a, b) => a.number - b.number);
  for (const { number, pixels } of others) {
    for (const index of pixels) if (labels[index] === segment) result[index] = number;
  }
  const stillHidden = others
    .map(({ number, pixels }) => ({ number, pixels: pixels.filter((index) => result[index] !== number) }))
    .filter(({ pixels }) => pixels.length > 0);
  return { labels: result, hidden: stillHidden };
}

/** Pixels per label value on one slice; index = label. */
export function countLabels(labels: Uint8Array): Uint32Array {
  const counts = new Uint32Array(256);
  forEachRun(labels, (value, start, end) => {
    counts[value]! += end - start;
  });
  return counts;
}

/** {@link countLabels} of what is there as runs. */
export function countRuns({ values, ends }: LabelRuns): Uint32Array {
  const counts = new Uint32Array(256);
  let start = 0;
  for (const [run, end] of ends.entries()) {
    counts[values[run]!]! += end - start;
    start = end;
  }
  return counts;
}

/**
 * The segment's mask after one of its objects changed from `before` to `after`: what the object alone had covered goes, what
 * other objects cover stays, the rest of the segment (painted by hand) is left as it is.
 */
export function replaceObject(
  current: Uint8Array,
  before: Uint8Array | undefined,
  after: Uint8Array,
  others: readonly Uint8Array[],
): Uint8Array {
  const result = new Uint8Array(current.length);
  for (let i = 0; i < result.length; i++) {
    const wasObject = before?.[i] === 1;
    const stays = current[i] === 1 && (!wasObject || others.some((mask) => mask[i] === 1));
    result[i] = stays || after[i] === 1 ? 1 : 0;
  }
  return result;
}
