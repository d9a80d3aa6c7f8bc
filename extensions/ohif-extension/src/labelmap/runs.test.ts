import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { areSameRuns, decodeLabels, encodeLabels, forEachRun, maskHas } from "./runs.ts";

const labels = fc
  .array(fc.integer({ min: 0, max: 3 }), { maxLength: 200 })
  .map((values) => Uint8Array.from(values.flatMap((value, index) => new Array<number>(1 + (index % 5)).fill(value))));

describe("label runs", () => {
  it("come back identical", () => {
    fc.assert(
      fc.property(labels, (array) => {
        expect(decodeLabels(encodeLabels(array))).toEqual(array);
      }),
    );
  });

  it("are maximal, in order and complete, wherever in memory the labels lie", () => {
    fc.assert(
      fc.property(labels, fc.integer({ min: 0, max: 7 }), (values, offset) => {
        const array = new Uint8Array(new ArrayBuffer(offset + values.length), offset);
        array.set(values);
        const expected: number[][] = [];
        values.forEach((value, index) => {
          const last = expected.at(-1);
          if (last?.[0] === value) last[2] = index + 1;
          else expected.push([value, index, index + 1]);
        });
        const found: number[][] = [];
        forEachRun(array, (...run) => found.push(run));
        expect(found).toEqual(expected);
      }),
    );
  });

  it("answer single pixels as the mask does", () => {
    fc.assert(
      fc.property(labels, (array) => {
        const mask = array.map((value) => (value === 1 ? 1 : 0));
        const runs = encodeLabels(mask);
        mask.forEach((value, index) => {
          expect(maskHas(runs, index)).toBe(value === 1);
        });
      }),
    );
  });

  it("compare by content", () => {
    const a = encodeLabels(Uint8Array.of(0, 1, 1, 2));
    expect(areSameRuns(a, encodeLabels(Uint8Array.of(0, 1, 1, 2)))).toBe(true);
    expect(areSameRuns(a, encodeLabels(Uint8Array.of(0, 1, 2, 2)))).toBe(false);
  });

  it("are small for what a slice looks like", () => {
    const slice = new Uint8Array(512 * 512);
    for (let y = 100; y < 300; y++) slice.fill(1, y * 512 + 100, y * 512 + 300);
    expect(encodeLabels(slice).ends.length).toBe(401);
  });
});
