import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countLabels, countRuns, replaceObject, segmentMask, withoutSegment, withSegmentMask } from "./edit.ts";
import { encodeLabels } from "./runs.ts";

const bits = (length: number) =>
  fc.array(fc.integer({ min: 0, max: 1 }), { minLength: length, maxLength: length }).map((a) => Uint8Array.from(a));

describe("withSegmentMask", () => {
  it("moves a segment, takes over others and spares locked ones", () => {
    const labels = Uint8Array.of(1, 1, 2, 3, 0);
    const mask = Uint8Array.of(0, 1, 1, 1, 1);
    expect([...withSegmentMask(labels, 1, mask)]).toEqual([0, 1, 1, 1, 1]);
    expect([...withSegmentMask(labels, 1, mask, new Set([3]))]).toEqual([0, 1, 1, 3, 1]);
    expect([...labels]).toEqual([1, 1, 2, 3, 0]);
  });
});

describe("segmentMask", () => {
  it("adds hidden pixels only where another segment still covers them", () => {
    const hidden = [{ number: 1, pixels: Uint32Array.of(1, 2) }];
    expect([...segmentMask(Uint8Array.of(1, 2, 0), 1, hidden)]).toEqual([1, 1, 0]);
    expect([...segmentMask(Uint8Array.of(1, 2, 0), 2, hidden)]).toEqual([0, 1, 0]);
  });
});

describe("withoutSegment", () => {
  it("takes one segment away and leaves every other mask as it was, what lay under it included", () => {
    // Per pixel which of the segments 1 to 3 hold it; the largest is shown, the others lie hidden under it.
    const held = fc.array(fc.subarray([1, 2, 3]), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(held, fc.integer({ min: 1, max: 3 }), (pixels, segment) => {
        const labels = Uint8Array.from(pixels, (numbers) => Math.max(0, ...numbers));
        const hidden = [1, 2].map((number) => ({
          number,
          pixels: Uint32Array.from(
            pixels.flatMap((numbers, i) => (numbers.includes(number) && labels[i] !== number ? [i] : [])),
          ),
        }));
        const result = withoutSegment(labels, hidden, segment);
        for (const number of [1, 2, 3]) {
          const expected = pixels.map((numbers) => (number !== segment && numbers.includes(number) ? 1 : 0));
          expect([...segmentMask(result.labels, number, result.hidden)]).toEqual(expected);
          // Counted once: shown or hidden.
          const twice = result.hidden.find((entry) => entry.number === number)?.pixels ?? new Uint32Array();
          expect([...twice].filter((i) => result.labels[i] === number)).toEqual([]);
        }
      }),
    );
  });
});

describe("countLabels", () => {
  it("counts every label once", () => {
    const counts = countLabels(Uint8Array.of(0, 2, 2, 255));
    expect([counts[0], counts[1], counts[2], counts[255]]).toEqual([1, 0, 2, 1]);
  });

  it("counts the same of what is there as runs", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60, max: 3 }), (labels) => {
        expect(countRuns(encodeLabels(labels))).toEqual(countLabels(labels));
      }),
    );
  });
});

describe("replaceObject", () => {
  it("keeps painted pixels and other objects, drops only what the object alone covered", () => {
    fc.assert(
      fc.property(bits(30), bits(30), bits(30), bits(30), (painted, before, after, other) => {
        const current = painted.map((value, i) => (value || before[i] || other[i] ? 1 : 0));
        const result = replaceObject(current, before, after, [other]);
        for (let i = 0; i < 30; i++) {
          if (after[i] === 1 || other[i] === 1) expect(result[i]).toBe(1);
          else if (before[i] === 1) expect(result[i]).toBe(0);
          else expect(result[i]).toBe(painted[i]);
        }
      }),
    );
  });
});
