import type { LogitPatch, RefinementResult, SegmentNumber } from "@samrefine/core";
import type { HiddenPixels } from "./contract.ts";

export interface ShownLabels {
  /** Exclusive, on the grid of the result; 0 where no segment is. */
  readonly labels: Uint8Array;
  /** Pixels of every class that is there, shown or not. */
  readonly areas: ReadonlyMap<SegmentNumber, number>;
  /** What of each class lies under another one, in the order of the result's segments. */
  readonly hidden: readonly HiddenPixels[];
}

/**
 * The segment that is shown at every pixel: where several lie, the most probable one, the lowest number among equals. As
 * `fuseToLabels` does it, but only where a class can be, and by logits, which grow as probabilities do.
 *
 * @param result With its logits; a segment without any is absent.
 */
export function shownLabels({ stack: { geometry, segments }, logits }: RefinementResult): ShownLabels {
  const { columns, rows } = geometry;
  const labels = new Uint8Array(columns * rows);
  const areas = new Map<SegmentNumber, number>();
  const patches: LogitPatch[] = [];
  const covered: number[][] = [];
  for (const { number, mask } of segments.toSorted((a, b) => a.number - b.number)) {
    const own = logits?.get(number);
    if (own === undefined) continue;
    patches[number] = own;
    const { xMin, xMax, yMin, yMax } = own.box;
    let area = 0;
    let place = 0;
    for (let y = yMin; y <= yMax; y++) {
      const end = y * columns + xMax;
      for (let i = y * columns + xMin; i <= end; i++, place++) {
        if (mask.data[i] === 0) continue;
        area++;
        const rival = labels[i]!;
        if (rival === 0) {
          labels[i] = number;
          continue;
        }
        const wins = own.data[place]! > logitAt(patches[rival]!, i - y * columns, y);
        if (wins) labels[i] = number;
        // Each class loses a pixel once: a covered one does not come up again.
        const loser = wins ? rival : number;
        covered[loser] ??= [];
        covered[loser].push(i);
      }
    }
    areas.set(number, area);
  }
  const hidden = segments.flatMap(({ number }) => {
    const pixels = covered[number];
    return pixels ? [{ number, pixels: Uint32Array.from(pixels).sort() }] : [];
  });
  return { labels, areas, hidden };
}

function logitAt({ box, data }: LogitPatch, x: number, y: number): number {
  return data[(y - box.yMin) * (box.xMax - box.xMin + 1) + x - box.xMin]!;
}
