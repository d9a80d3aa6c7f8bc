import { RefineError } from "../errors.ts";
import { requireGridLength } from "../kernels/grid.ts";
import type { Segment, SegmentNumber, SegmentStack } from "./mask.ts";

/**
 * Who gets a pixel that several segments claim:
 * - `highest-probability`: the largest probability; a segment without probability counts as certain; ties go to the
 *   lowest number;
 * - `lowest-number`;
 * - `priority`: the one named first in `order`; segments that are not named come after all named ones, by number.
 */
export type FusionRule =
  | { readonly kind: "highest-probability" }
  | { readonly kind: "lowest-number" }
  | { readonly kind: "priority"; readonly order: readonly SegmentNumber[] };

/**
 * Makes exclusive labels of overlapping segments: one segment number per pixel, 0 = background, on the stack's grid.
 *
 * @throws RefineError `shape-mismatch`; `configuration` when a segment number does not fit 1..65535 or occurs twice.
 */
export function fuseToLabels(stack: SegmentStack, rule: FusionRule): Uint8Array | Uint16Array {
  const segments = ordered(stack.segments, rule);
  const numbers = new Set(segments.map(({ number }) => number));
  if (numbers.size < segments.length) {
    throw new RefineError(
      "configuration",
      `Segment numbers must differ, found ${[...stack.segments.map((s) => s.number)].join(", ")}.`,
    );
  }
  let largest = 0;
  for (const number of numbers) {
    if (!Number.isInteger(number) || number < 1 || number > 65535) {
      throw new RefineError("configuration", `Segment numbers must be integers in 1..65535, found ${number}.`);
    }
    largest = Math.max(largest, number);
  }
  const size = stack.geometry.columns * stack.geometry.rows;
  const labels = largest < 256 ? new Uint8Array(size) : new Uint16Array(size);
  const byNumber = new Map(segments.map((segment) => [segment.number, segment]));
  for (const segment of segments) {
    const { number, mask } = segment;
    requireGridLength(`Segment ${number}`, mask.data.length, stack.geometry);
    for (let i = 0; i < size; i++) {
      if (mask.data[i] === 0) continue;
      const rival = labels[i] as number;
      // Probabilities are looked at where segments overlap alone: those of a refinement are made when they are first read.
      if (rival !== 0 && (rule.kind !== "highest-probability" || !isMoreProbable(segment, byNumber.get(rival), i)))
        continue;
      labels[i] = number;
    }
  }
  return labels;
}

function isMoreProbable({ probability }: Segment, rival: Segment | undefined, pixel: number): boolean {
  return (probability?.[pixel] ?? 1) > (rival?.probability?.[pixel] ?? 1);
}

function ordered(segments: readonly Segment[], rule: FusionRule): Segment[] {
  const place = (number: SegmentNumber): number => {
    const index = rule.kind === "priority" ? rule.order.indexOf(number) : -1;
    return index === -1 ? Number.MAX_SAFE_INTEGER : index;
  };
  return segments.toSorted((a, b) => place(a.number) - place(b.number) || a.number - b.number);
}
