import { expect, test } from "vitest";
import { findRings } from "./find-rings.ts";

const geometry = { rows: 24, columns: 24 };

/** Labels by the distance from a centre: content, wall, and what lies beside. */
function rings(options: { readonly gap?: boolean } = {}): Uint8Array {
  return Uint8Array.from({ length: 24 * 24 }, (_, pixel) => {
    const [x, y] = [(pixel % 24) - 14, Math.floor(pixel / 24) - 12];
    const distance = Math.hypot(x, y);
    if (distance < 3) return 3;
    if (distance < 6) return options.gap && x < 0 && Math.abs(y) < 2 ? 0 : 2;
    return x < -7 && Math.abs(y) < 4 ? 1 : 0;
  });
}

test("a class that surrounds another is its ring; one that lies beside it is not", () => {
  expect(findRings([{ geometry, slices: [rings()] }], [1, 2, 3])).toEqual([{ ring: 2, inner: 3 }]);
});

test("a wall that is open on one slice of ten is a ring; one that is open on most is not", () => {
  const [closed, open] = [rings(), rings({ gap: true })];
  const mostlyClosed = [...new Array<Uint8Array>(9).fill(closed), open];
  expect(findRings([{ geometry, slices: mostlyClosed }], [1, 2, 3])).toEqual([{ ring: 2, inner: 3 }]);
  expect(findRings([{ geometry, slices: [closed, open, open] }], [1, 2, 3])).toEqual([]);
});

test("slices that show one class alone say nothing", () => {
  const alone = rings().map((label) => (label === 2 ? 2 : 0));
  expect(findRings([{ geometry, slices: [alone, rings()] }], [1, 2, 3])).toEqual([{ ring: 2, inner: 3 }]);
  expect(findRings([{ geometry, slices: [alone] }], [1, 2, 3])).toEqual([]);
});

test("of several classes within a ring the largest is its content", () => {
  const two = rings().map((label, pixel) => (label === 3 && pixel % 24 === 14 ? 1 : label === 1 ? 0 : label));
  expect(findRings([{ geometry, slices: [two] }], [1, 2, 3])).toEqual([{ ring: 2, inner: 3 }]);
});
