import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import type { Image2D } from "./image.ts";
import { neighbouringSlices } from "./neighbouring-slices.ts";

const slice = (value: number, columns = 2): Image2D => ({
  geometry: { columns, rows: 1 },
  channels: 1,
  data: new Int16Array(columns).fill(value),
});
const slices = [slice(10), slice(20), slice(30)];

describe("neighbouringSlices", () => {
  test("interleaves the slices in ascending k", () => {
    expect([...neighbouringSlices(slices, 1, 3).data]).toEqual([10, 20, 30, 10, 20, 30]);
  });

  test("repeats the edge", () => {
    expect([...neighbouringSlices(slices, 0, 3).data]).toEqual([10, 10, 20, 10, 10, 20]);
    expect([...neighbouringSlices(slices, 2, 5).data].slice(0, 5)).toEqual([10, 20, 30, 30, 30]);
  });

  test("one channel is the slice itself", () => {
    expect(neighbouringSlices(slices, 1, 1)).toBe(slices[1]);
  });

  test.each([0, 2, -1, 1.5])("refuses %s channels", (channels) => {
    expect(() => neighbouringSlices(slices, 1, channels)).toThrow(
      expect.toSatisfy((error: unknown) => isRefineError(error, "configuration")),
    );
  });

  test("refuses slices of different grids and a slice that is not there", () => {
    const mixed = [slice(1), slice(2, 3)];
    for (const run of [() => neighbouringSlices(mixed, 0, 3), () => neighbouringSlices(slices, 3, 3)]) {
      expect(run).toThrow(expect.toSatisfy((error: unknown) => isRefineError(error, "shape-mismatch")));
    }
  });
});
