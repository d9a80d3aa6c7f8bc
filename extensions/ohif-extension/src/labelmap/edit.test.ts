import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countLabels, countRuns, replaceObject, segmentMask, withSegmentMask } from "./edit.ts";
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
