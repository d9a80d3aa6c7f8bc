import type { LogitPatch, RefinementResult, SegmentNumber } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shownLabels } from "./shown-labels.ts";

const [columns, rows] = [7, 5];
const geometry = { columns, rows };

/** A class in a box of its own; few values, so that classes tie. */
const patches = fc
  .record({ x: fc.tuple(fc.nat(columns - 1), fc.nat(columns - 1)), y: fc.tuple(fc.nat(rows - 1), fc.nat(rows - 1)) })
  .chain(({ x, y }) => {
    const box = { xMin: Math.min(...x), xMax: Math.max(...x), yMin: Math.min(...y), yMax: Math.max(...y) };
    const length = (box.xMax - box.xMin + 1) * (box.yMax - box.yMin + 1);
    return fc
      .array(fc.integer({ min: -2, max: 3 }), { minLength: length, maxLength: length })
      .map((values): LogitPatch => ({ box, data: Float32Array.from(values) }));
  });

function logitAt({ box, data }: LogitPatch, pixel: number): number {
  const [x, y] = [pixel % columns, Math.floor(pixel / columns)];
  if (x < box.xMin || x > box.xMax || y < box.yMin || y > box.yMax) return Number.NEGATIVE_INFINITY;
  return data[(y - box.yMin) * (box.xMax - box.xMin + 1) + x - box.xMin]!;
}

test("every pixel shows its most probable segment, of equal ones the lowest number, and the others are hidden there", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.option(patches, { nil: undefined })), {
        selector: ([number]) => number,
        minLength: 1,
        maxLength: 5,
      }),
      (classes) => {
        const logits = new Map<SegmentNumber, LogitPatch>();
        for (const [number, patch] of classes) if (patch) logits.set(number, patch);
        const pixels = Array.from({ length: columns * rows }, (_, pixel) => pixel);
        const has = (number: SegmentNumber, pixel: number) =>
          logits.has(number) && logitAt(logits.get(number)!, pixel) > 0;
        const segments = classes.map(([number]) => ({
          number,
          mask: { geometry, data: Uint8Array.from(pixels, (pixel) => Number(has(number, pixel))) },
        }));
        const result = { stack: { geometry, segments }, logits } as unknown as RefinementResult;
        const { labels, areas, hidden } = shownLabels(result);

        const ascending = [...logits.keys()].sort((a, b) => a - b);
        const winner = (pixel: number) =>
          ascending
            .filter((number) => has(number, pixel))
            .reduce(
              (best, number) =>
                best === 0 || logitAt(logits.get(number)!, pixel) > logitAt(logits.get(best)!, pixel) ? number : best,
              0,
            );
        expect([...labels]).toEqual(pixels.map(winner));
        for (const { number, mask } of segments) {
          const area = mask.data.reduce((sum, value) => sum + value, 0);
          expect(areas.get(number) ?? 0).toBe(area);
          const under = pixels.filter((pixel) => has(number, pixel) && winner(pixel) !== number);
          expect([...(hidden.find((entry) => entry.number === number)?.pixels ?? [])]).toEqual(under);
        }
        expect(hidden.every(({ pixels: covered }) => covered.length > 0)).toBe(true);
      },
    ),
  );
});
