import { describe, expect, test } from "vitest";
import { fuseToLabels } from "./fuse-labels.ts";
import type { SegmentStack } from "./mask.ts";

const geometry = { columns: 4, rows: 1 };
const stack: SegmentStack = {
  geometry,
  segments: [
    { number: 2, mask: { geometry, data: Uint8Array.of(0, 1, 1, 1) }, probability: Float32Array.of(0, 0.9, 0.6, 0.5) },
    { number: 1, mask: { geometry, data: Uint8Array.of(0, 1, 1, 1) }, probability: Float32Array.of(1, 0.8, 0.6, 0.7) },
    { number: 3, mask: { geometry, data: Uint8Array.of(0, 0, 0, 1) } },
  ],
};

describe("fuseToLabels", () => {
  test("highest probability: ties to the lowest number, no probability is certain, a mask's zero stays out", () => {
    expect([...fuseToLabels(stack, { kind: "highest-probability" })]).toEqual([0, 2, 1, 3]);
  });

  test("probabilities are read where segments overlap alone", () => {
    const readNowhere = (number: number, ...data: number[]) => ({
      number,
      mask: { geometry, data: Uint8Array.from(data) },
      get probability(): Float32Array {
        throw new Error("read");
      },
    });
    const apart: SegmentStack = { geometry, segments: [readNowhere(1, 1, 0, 1, 0), readNowhere(2, 0, 1, 0, 0)] };
    expect([...fuseToLabels(apart, { kind: "highest-probability" })]).toEqual([1, 2, 1, 0]);
  });

  test("lowest number", () => {
    expect([...fuseToLabels(stack, { kind: "lowest-number" })]).toEqual([0, 1, 1, 1]);
  });

  test("priority: the named first, the others behind by number", () => {
    expect([...fuseToLabels(stack, { kind: "priority", order: [3, 2] })]).toEqual([0, 2, 2, 3]);
    expect([...fuseToLabels(stack, { kind: "priority", order: [3] })]).toEqual([0, 1, 1, 3]);
  });

  test("numbers above 255 get 16 bits; others than 1..65535 and doubles are refused", () => {
    const one = (number: number): SegmentStack => ({
      geometry,
      segments: [{ number, mask: { geometry, data: Uint8Array.of(1, 0, 0, 0) } }],
    });
    expect(fuseToLabels(one(300), { kind: "lowest-number" })).toEqual(Uint16Array.of(300, 0, 0, 0));
    expect(() => fuseToLabels(one(0), { kind: "lowest-number" })).toThrow(/found 0/);
    expect(() =>
      fuseToLabels({ geometry, segments: [...one(4).segments, ...one(4).segments] }, { kind: "lowest-number" }),
    ).toThrow(/must differ/);
  });
});
