import { expect, test } from "vitest";
import { chooseToken } from "./token-choice.ts";

const ious = Float32Array.of(0.99, 0.6, 0.7, 0.5);
const all = [0, 1, 2, 3];
const geometry = { rows: 9, columns: 9 };
const point = { x: 1, y: 1, label: "foreground" as const };

// For clicks as the single-mask export of segment-anything does (methods.md section 9, vector 13). Not for a box alone: there
// that export takes the best of the three, and methods.md 4.2 asks for token 0 on purpose.
test("auto answers like the single-mask export for clicks, and by token 0 for a box", () => {
  const click = { segment: 1, geometry, points: [point] };
  expect(chooseToken("auto", click, ious, all)).toBe(2);
  expect(chooseToken("auto", { ...click, points: [point, point] }, ious, all)).toBe(0);
  const box = { segment: 1, geometry, box: { xMin: 0, yMin: 0, xMax: 2, yMax: 2 } };
  expect(chooseToken("auto", box, ious, all)).toBe(0);
  const lowRes = { width: 1, height: 1, data: Float32Array.of(0) };
  expect(chooseToken("auto", { ...click, maskInput: lowRes }, ious, all)).toBe(0);
});

test("a fixed choice holds for every prompt", () => {
  const click = { segment: 1, geometry, points: [point] };
  expect(chooseToken("token0", click, ious, all)).toBe(0);
  expect(chooseToken("bestOf3", { ...click, points: [point, point] }, ious, all)).toBe(2);
  expect(chooseToken("token3", click, ious, all)).toBe(3);
  expect(chooseToken("token1", click, Float32Array.of(0.6, 0.7, 0.5), [1, 2, 3])).toBe(0);
});

test("a token that the decoder does not give is answered as auto", () => {
  const click = { segment: 1, geometry, points: [point] };
  expect(chooseToken("token3", click, Float32Array.of(0.9), [0])).toBe(chooseToken("auto", click, [0.9], [0]));
});

test("without a single-mask token the best of the others answers", () => {
  const box = { segment: 1, geometry, box: { xMin: 0, yMin: 0, xMax: 2, yMax: 2 } };
  expect(chooseToken("auto", box, Float32Array.of(0.6, 0.7, 0.5), [1, 2, 3])).toBe(1);
});
