import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefineError } from "./errors.ts";
import { createRandom } from "./random.ts";

describe("createRandom", () => {
  test("the same seed gives the same stream, another seed another", () => {
    const draw = (seed: number) => Array.from({ length: 8 }, createRandom(seed).next);
    expect(draw(42)).toEqual(draw(42));
    expect(draw(42)).not.toEqual(draw(43));
    expect(draw(1)).not.toEqual(draw(2 ** 32 + 1));
  });

  test("the stream is pinned, so that published seeds keep their meaning", () => {
    const random = createRandom(1);
    expect([random.integer(1000), random.integer(1000), random.integer(1000)]).toMatchInlineSnapshot(`
      [
        606,
        147,
        470,
      ]
    `);
  });

  test("uniform: mean 1/2, variance 1/12, all of [0, 1)", () => {
    const random = createRandom(7);
    const values = Array.from({ length: 50_000 }, random.next);
    const mean = values.reduce((s, v) => s + v, 0) / values.length;
    const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length;
    expect(mean).toBeCloseTo(0.5, 2);
    expect(variance).toBeCloseTo(1 / 12, 2);
    expect(Math.min(...values.slice(0, 10_000))).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values.slice(0, 10_000))).toBeLessThan(1);
  });

  test("normal: mean 0, variance 1, 68 % within one deviation", () => {
    const random = createRandom(8);
    const values = Array.from({ length: 50_000 }, random.normal);
    expect(values.reduce((s, v) => s + v, 0) / values.length).toBeCloseTo(0, 1);
    expect(values.reduce((s, v) => s + v * v, 0) / values.length).toBeCloseTo(1, 1);
    expect(values.filter((v) => Math.abs(v) < 1).length / values.length).toBeCloseTo(0.683, 2);
  });

  test("integers hit every value about equally often", () => {
    const random = createRandom(9);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 60_000; i++) {
      const value = random.integer(6);
      counts[value] = (counts[value] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("shuffle permutes a copy", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const before = [...items];
        const shuffled = createRandom(seed).shuffle(items);
        expect(items).toEqual(before);
        expect([...shuffled].sort((a, b) => a - b)).toEqual([...before].sort((a, b) => a - b));
      }),
    );
  });

  test("fork depends on seed and label, not on what was drawn", () => {
    const parent = createRandom(3);
    const early = parent.fork("augment").next();
    parent.next();
    expect(parent.fork("augment").next()).toBe(early);
    expect(parent.fork("split").next()).not.toBe(early);
    expect(createRandom(4).fork("augment").next()).not.toBe(early);
  });

  test("refuses a bound of zero and a seed that is no number", () => {
    expect(() => createRandom(1).integer(0)).toThrow(/bound/);
    let caught: unknown;
    try {
      createRandom(Number.NaN);
    } catch (error) {
      caught = error;
    }
    expect(isRefineError(caught, "configuration")).toBe(true);
  });
});
