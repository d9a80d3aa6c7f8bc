import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { outwardOrder } from "./slice-order.ts";
import { runSlices } from "./study-runner.ts";

describe("outwardOrder", () => {
  it("starts at the visible slice and alternates outward", () => {
    expect(outwardOrder(6, 2)).toEqual([2, 3, 1, 4, 0, 5]);
    expect(outwardOrder(3, 0)).toEqual([0, 1, 2]);
  });

  it("visits every slice once with distances that never fall", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: -5, max: 70 }), (count, visible) => {
        const order = outwardOrder(count, visible);
        expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
        const distances = order.map((slice) => Math.abs(slice - order[0]!));
        expect(distances).toEqual(distances.toSorted((a, b) => a - b));
      }),
    );
  });
});

describe("runSlices", () => {
  it("applies every result once and ends progress at the total", async () => {
    const applied: string[] = [];
    const progress: number[] = [];
    const outcome = await runSlices(
      [2, 0, 1],
      { process: async (slice) => `r${slice}`, apply: (slice, result) => void applied.push(`${slice}:${result}`) },
      { onProgress: ({ completed }) => progress.push(completed) },
    );
    expect(applied.toSorted()).toEqual(["0:r0", "1:r1", "2:r2"]);
    expect(progress).toEqual([0, 1, 2, 3]);
    expect(outcome).toMatchObject({ failed: [], isCancelled: false });
  });

  it("goes on after a slice that fails and reports it", async () => {
    const outcome = await runSlices([0, 1, 2, 3], {
      process: async (slice) => {
        if (slice === 1) throw new Error("broken frame");
        return slice;
      },
      apply: () => {},
    });
    expect(outcome.finished.toSorted()).toEqual([0, 2, 3]);
    expect(outcome.failed.map((failure) => failure.slice)).toEqual([1]);
  });

  it("passes over what is not wanted any more, with what failed so far", async () => {
    const begun: number[] = [];
    const outcome = await runSlices(
      [0, 1, 2, 3],
      {
        process: async (slice) => {
          begun.push(slice);
          if (slice === 0) throw new Error("broken frame");
        },
        apply: () => {},
        isWanted: (slice, failed) => slice % 2 === 0 || failed.length === 0,
      },
      { concurrency: 1 },
    );
    expect(begun).toEqual([0, 2]);
    expect(outcome).toMatchObject({ finished: [2], isCancelled: false });
  });

  it("keeps finished slices when cancelled, applies nothing afterwards, and passes the same signal down", async () => {
    const controller = new AbortController();
    const applied: number[] = [];
    const signals = new Set<AbortSignal>();
    const outcome = await runSlices(
      [0, 1, 2, 3, 4, 5],
      {
        process: async (slice, signal) => {
          signals.add(signal);
          if (slice === 2) controller.abort();
          return slice;
        },
        apply: (slice) => void applied.push(slice),
      },
      { signal: controller.signal, concurrency: 1 },
    );
    expect(applied).toEqual([0, 1]);
    expect(outcome).toMatchObject({ finished: [0, 1], failed: [], isCancelled: true });
    expect([...signals]).toEqual([controller.signal]);
  });
});
