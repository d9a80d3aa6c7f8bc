import { createRandom } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { gaussianBlur, jitterIntensity } from "./intensity-jitter.ts";

const grid = { rows: 9, columns: 11 };
const plane = Float32Array.from({ length: 99 }, (_, index) => Math.cos(index));

describe("gaussianBlur", () => {
  test("keeps a constant and spreads a point evenly", () => {
    expect(gaussianBlur(new Float32Array(99).fill(2), grid, 1.3)[50]).toBeCloseTo(2, 6);
    const point = new Float32Array(99);
    point[4 * 11 + 5] = 1;
    const blurred = gaussianBlur(point, grid, 1);
    expect(blurred[4 * 11 + 4]).toBeCloseTo(blurred[4 * 11 + 6]!, 6);
    expect(blurred[3 * 11 + 5]).toBeCloseTo(blurred[5 * 11 + 5]!, 6);
    expect(blurred[4 * 11 + 4]! / blurred[4 * 11 + 5]!).toBeCloseTo(Math.exp(-0.5), 5);
  });

  test("a deviation of 0 is the identity", () => {
    expect(gaussianBlur(plane, grid, 0)).toBe(plane);
  });
});

describe("jitterIntensity", () => {
  const spec = { contrast: 0.5, brightness: 0.3, gamma: 0.5, blur: 1 };

  test("nothing asked for, nothing changed", () => {
    expect(jitterIntensity([plane], {}, grid, createRandom(1))).toEqual([plane]);
  });

  test("neighbouring slices change alike, and the same seed gives the same change", () => {
    const [first, second] = jitterIntensity([plane, plane], spec, grid, createRandom(3));
    expect(second).toEqual(first);
    expect(first).not.toEqual(plane);
    expect(jitterIntensity([plane], spec, grid, createRandom(3))[0]).toEqual(first);
  });

  test("noise differs between slices", () => {
    const [first, second] = jitterIntensity([plane, plane], { noise: 0.5 }, grid, createRandom(3));
    expect(second).not.toEqual(first);
  });

  test("grey values keep their order under gamma and contrast", () => {
    const ramp = Float32Array.from({ length: 99 }, (_, index) => index / 10 - 4);
    const [changed] = jitterIntensity([ramp], { gamma: 0.9, contrast: 0.9 }, grid, createRandom(8));
    for (let index = 1; index < 99; index++) expect(changed![index]).toBeGreaterThan(changed![index - 1]!);
  });
});
