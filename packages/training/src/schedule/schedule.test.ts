import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSchedule, rampUp, type ScheduleSpec } from "./schedule.ts";

describe("createSchedule", () => {
  test("cosine falls from the rate to its floor", () => {
    const rate = createSchedule({ kind: "cosine", floor: 0.01 }, 1e-3, 100);
    expect(rate(0)).toBeCloseTo(1e-3, 12);
    expect(rate(50)).toBeCloseTo(1e-3 * (0.01 + 0.99 / 2), 12);
    expect(rate(100)).toBeCloseTo(1e-5, 12);
  });

  test("poly", () => {
    const rate = createSchedule({ kind: "poly", power: 0.9 }, 0.01, 30_000);
    expect(rate(0)).toBe(0.01);
    expect(rate(15_000)).toBeCloseTo(0.01 * 0.5 ** 0.9, 12);
    expect(rate(30_000)).toBe(0);
  });

  test("steps at fractions of the run", () => {
    const rate = createSchedule({ kind: "step", at: [0.5, 0.8], factor: 0.1 }, 1, 10);
    expect([4, 5, 7, 8].map(rate).map((value) => Number(value.toPrecision(6)))).toEqual([1, 0.1, 0.1, 0.01]);
  });

  test("no schedule ever rises or leaves [0, rate]", () => {
    const spec = fc.oneof<fc.Arbitrary<ScheduleSpec>[]>(
      fc.constant({ kind: "constant" }),
      fc.record({ kind: fc.constant("cosine" as const), floor: fc.double({ min: 0, max: 1, noNaN: true }) }),
      fc.record({ kind: fc.constant("poly" as const), power: fc.double({ min: 0.1, max: 3, noNaN: true }) }),
    );
    fc.assert(
      fc.property(spec, fc.integer({ min: 1, max: 1000 }), fc.nat(1000), (schedule, steps, step) => {
        const rate = createSchedule(schedule, 1e-2, steps);
        expect(rate(step + 1)).toBeLessThanOrEqual(rate(step) + 1e-12);
        expect(rate(step)).toBeGreaterThanOrEqual(0);
        expect(rate(step)).toBeLessThanOrEqual(1e-2);
      }),
    );
  });

  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the rate %s", (rate) => {
    expect(() => createSchedule({ kind: "constant" }, rate, 1)).toThrow(
      expect.toSatisfy((error: unknown) => isRefineError(error, "configuration")),
    );
  });
});

// methods.md 0.3 prints these values for a length of 40.
test.each([
  [0, 0.006738],
  [10, 0.060055],
  [20, 0.286505],
  [30, 0.731616],
  [40, 1],
  [99, 1],
])("rampUp(%s, 40) = %s", (t, expected) => {
  expect(rampUp(t, 40)).toBeCloseTo(expected, 6);
});

test("rampUp without a length is 1", () => {
  expect(rampUp(0, 0)).toBe(1);
});
