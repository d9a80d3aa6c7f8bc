import { expect, test } from "vitest";
import { outlinePath } from "./outline-path.ts";

const grid = { columns: 4, rows: 3 };
const unit = { x: 1, y: 1 };

test("a block is one loop with four corners, scaled to the picture", () => {
  const labels = Uint8Array.from([0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
  expect(outlinePath(labels, grid, { x: 10, y: 5 })).toBe("M10 5L30 5L30 10L10 10Z");
  expect(outlinePath(new Uint8Array(12), grid, unit)).toBe("");
});

test("a hole is a loop of its own, and a label at the image's edge is closed there", () => {
  const ring = Uint8Array.from([1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0]);
  const loops = outlinePath(ring, grid, unit).split("Z").filter(Boolean);
  expect(loops).toHaveLength(2);
  expect(loops[0]).toBe("M0 0L3 0L3 3L0 3");
});

test("the wall between two classes belongs to both", () => {
  const pair = Uint8Array.from([1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  expect(lengthOf(outlinePath(pair, grid, unit))).toBe(4 + 4);
});

function lengthOf(path: string): number {
  let length = 0;
  for (const loop of path.split("Z").filter(Boolean)) {
    const points = loop
      .slice(1)
      .split("L")
      .map((point) => point.split(" ").map(Number));
    for (const [n, [x = 0, y = 0]] of points.entries()) {
      const [nextX = 0, nextY = 0] = points[(n + 1) % points.length]!;
      length += Math.abs(nextX - x) + Math.abs(nextY - y);
    }
  }
  return length;
}
