import { describe, expect, test } from "vitest";
import { letterbox, toFrame } from "./frame.ts";

describe("the letterboxed frame", () => {
  // methods.md section 9, vectors 2 and 3, as rows x columns.
  test.each([
    [1241, 472, 1024, 389],
    [384, 224, 1024, 597],
    [881, 578, 1024, 672],
    [1724, 1247, 1024, 741],
    [5, 4000, 1, 1024],
  ])("%i x %i becomes %i x %i", (rows, columns, scaledRows, scaledColumns) => {
    expect(letterbox({ rows, columns }, 1024).scaled).toEqual({ rows: scaledRows, columns: scaledColumns });
  });

  test("a grid's indices are scaled per axis by the rounded sizes", () => {
    const frame = letterbox({ rows: 1241, columns: 472 }, 1024);
    const [x, y] = toFrame(frame, { rows: 384, columns: 224 }, 100, 200);
    expect(x).toBeCloseTo(173.660714, 6);
    expect(y).toBeCloseTo(533.333333, 6);
  });
});
