import { createRandom } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { FIXMATCH_VIEW, strongView, UNIMATCH_VIEW } from "./strong-view.ts";

const grid = { rows: 8, columns: 8 };
const plane = Float32Array.from({ length: 64 }, (_, pixel) => -1 + (3 * pixel) / 63);
const views = (view: typeof FIXMATCH_VIEW) =>
  Array.from({ length: 500 }, (_, seed) => strongView([plane], view, "color-jitter", grid, createRandom(seed))[0]!);

describe("color jitter", () => {
  test("changes four fifths of the samples, within the sample's own range", () => {
    const jittered = views(FIXMATCH_VIEW);
    const changed = jittered.filter((values) => values.some((value, pixel) => value !== plane[pixel]));
    expect(changed.length / 500).toBeGreaterThan(0.74);
    expect(changed.length / 500).toBeLessThan(0.86);
    for (const values of jittered) {
      expect(Math.min(...values)).toBeGreaterThanOrEqual(-1.00001);
      expect(Math.max(...values)).toBeLessThanOrEqual(2.00001);
    }
    // Brightness up to 1.8 times and contrast up to 1.8 times leave some almost white.
    const means = jittered.map((values) => values.reduce((sum, value) => sum + value, 0) / 64);
    expect(Math.max(...means)).toBeGreaterThan(1.2);
    expect(Math.min(...means)).toBeLessThan(-0.4);
  });

  test("keeps the order of grey values, which only UniMatch's blur mixes up", () => {
    const rises = (values: Float32Array): boolean => values.every((value, pixel) => value >= (values[pixel - 1] ?? -9));
    expect(views(FIXMATCH_VIEW).every(rises)).toBe(true);
    const blurred = views(UNIMATCH_VIEW).filter((values) => !rises(values)).length / 500;
    // Half of them are blurred; a narrow blur or an image that is all white shows nothing.
    expect(blurred).toBeGreaterThan(0.15);
    expect(blurred).toBeLessThan(0.6);
  });
});
