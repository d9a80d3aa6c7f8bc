import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromHalf, largestHalf, roundToHalf, toHalf } from "./half-float.ts";

/** Rounding by search among the neighbours, with exact doubles: slow and obvious. */
function nearestHalf(value: number, halves: readonly number[]): number {
  let best = 0;
  for (let i = 1; i < halves.length; i++) {
    const gain = Math.abs(halves[best]! - value) - Math.abs(halves[i]! - value);
    if (gain > 0 || (gain === 0 && i % 2 === 0)) best = i;
  }
  return best;
}

describe.each([
  ["of the engine", toHalf],
  ["of our own", roundToHalf],
])("half floats %s", (_, convert) => {
  test("every half survives the way to float32 and back", () => {
    const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = fromHalf(halves);
    const back = convert(values);
    for (const [i, half] of halves.entries()) {
      if (Number.isNaN(values[i]!)) expect(back[i]! & 0x7fff).toBe(0x7e00);
      else if (back[i] !== half) throw new Error(`${half} came back as ${back[i]}`);
    }
  });

  test("values are rounded to the nearest half, ties to even", () => {
    const finite = [...fromHalf(Uint16Array.from({ length: 0x7c00 }, (_, i) => i))];
    const value = fc.oneof(
      fc.float({ min: 0, max: 2 ** -12, noNaN: true }),
      fc.float({ min: 0, max: 70, noNaN: true }),
      // Exactly half way between two neighbours.
      fc.nat(0x7bfe).map((i) => Math.fround((finite[i]! + finite[i + 1]!) / 2)),
    );
    fc.assert(
      fc.property(value, fc.boolean(), (magnitude, isNegative) => {
        const [half] = convert(Float32Array.of(isNegative ? -magnitude : magnitude));
        expect(half! & 0x7fff).toBe(nearestHalf(magnitude, finite));
        if (magnitude > 0) expect(half! >>> 15).toBe(isNegative ? 1 : 0);
      }),
      { numRuns: 60 },
    );
  });

  test("the largest finite half and what lies beyond", () => {
    const values = [65504, Math.fround(largestHalf), 65520, 1e9, Number.NEGATIVE_INFINITY];
    expect([...fromHalf(convert(Float32Array.from(values)))]).toEqual([65504, 65504, Infinity, Infinity, -Infinity]);
  });
});
