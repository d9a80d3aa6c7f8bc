import { TEST_TIME_AUGMENTATIONS } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fromView, meanOfViews, shownBy, throughView, viewsOf } from "./views.ts";

const grid = { rows: 30, columns: 40 };
const plane = grid.rows * grid.columns;

/** Two smooth channels, whose interpolation errs little. */
const smooth = Float32Array.from({ length: 2 * plane }, (_, index) => {
  const [x, y] = [index % grid.columns, Math.floor((index % plane) / grid.columns)];
  return index < plane ? Math.sin(x / 6) + Math.cos(y / 5) : x / 40 - y / 30;
});

const views = TEST_TIME_AUGMENTATIONS.flatMap((augmentation) => viewsOf(augmentation));

describe("views", () => {
  test("what was changed comes back to its place, wherever the view shows it", () => {
    for (const view of views) {
      const { gamma, ...place } = view;
      const back = fromView(throughView(smooth, grid, place), grid, view);
      const shown = shownBy(grid, view);
      for (let i = 0; i < back.length; i++) {
        if (shown?.[i % plane] === 0) continue;
        expect(Math.abs(back[i]! - smooth[i]!)).toBeLessThan(0.05);
      }
    }
  });

  test("a larger view does not show the borders, a smaller one shows all", () => {
    const move = (rotationDegrees: number, scale: number) => shownBy(grid, { move: { rotationDegrees, scale } })!;
    expect(move(0, 0.8).every((value) => value === 1)).toBe(true);
    const larger = move(0, 1.25);
    expect(larger[0]).toBe(0);
    expect(larger[15 * 40 + 20]).toBe(1);
    const share = larger.reduce((sum, value) => sum + value, 0) / plane;
    expect(share).toBeCloseTo(0.8 ** 2, 1);
    expect(shownBy(grid, {})).toBeUndefined();
  });

  test("smaller, and turned counter-clockwise", () => {
    const dot = new Float32Array(plane);
    for (const [x, y] of [
      [30, 14],
      [30, 15],
      [29, 14],
      [29, 15],
    ])
      dot[y! * 40 + x!] = 1;
    const centre = (values: Float32Array) => {
      let [sum, x, y] = [0, 0, 0];
      values.forEach((value, i) => {
        sum += value;
        x += value * ((i % 40) - 19.5);
        y += value * (Math.floor(i / 40) - 14.5);
      });
      return [x / sum, y / sum];
    };
    const [x, y] = centre(throughView(dot, grid, { move: { rotationDegrees: 30, scale: 0.8 } }));
    expect(x).toBeCloseTo(0.8 * 10 * Math.cos(Math.PI / 6), 0);
    expect(y).toBeCloseTo(-0.8 * 10 * Math.sin(Math.PI / 6), 0);
  });

  test("gamma keeps the darkest and the brightest value", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 2, maxLength: 9 }), (values) => {
        const before = Float32Array.from(values);
        const after = throughView(before, { rows: 1, columns: before.length }, { gamma: 0.7 });
        expect(Math.min(...after)).toBeCloseTo(Math.min(...before), 5);
        expect(Math.max(...after)).toBeCloseTo(Math.max(...before), 5);
        for (const [i, value] of after.entries()) expect(value).toBeGreaterThanOrEqual(before[i]! - 1e-5);
      }),
    );
  });

  test("the mean leaves out a view where it does not show a pixel", () => {
    const one = new Float32Array(2 * plane).fill(1);
    const three = new Float32Array(2 * plane).fill(3);
    const mean = meanOfViews([one, three], grid, [{}, { move: { rotationDegrees: 0, scale: 1.25 } }]);
    expect([mean[0], mean[plane], mean[15 * 40 + 20], mean[plane + 15 * 40 + 20]]).toEqual([1, 1, 2, 2]);
    expect(meanOfViews([one], grid, [{}])).toBe(one);
  });

  test("small changes keep left and right, and begin with the image itself", () => {
    const [first, ...others] = viewsOf("small-changes");
    expect(throughView(smooth, grid, first!)).toBe(smooth);
    expect(others.length).toBeGreaterThan(2);
    expect(others.every(({ flip }) => flip === undefined)).toBe(true);
  });
});
