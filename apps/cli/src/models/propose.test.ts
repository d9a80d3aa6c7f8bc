import { type DatasetCase, marginLogits, type SegmentStack } from "@samrefine/core";
import { expect, test } from "vitest";
import { displayRangeOf, toNativeGrid, toNativeProbabilities } from "./propose.ts";

test("of classes that exclude each other the most probable one is labelled, and the network's probability reported", async () => {
  const geometry = { columns: 2, rows: 1 };
  const probabilities = [
    [0.2, 0.6],
    [0.45, 0.25],
    [0.35, 0.15],
  ].map((values) => Float32Array.from(values));
  const margins = marginLogits(probabilities.map((values) => values.map(Math.log)));
  const stack: SegmentStack = {
    geometry,
    segments: margins.map((logits, index) => ({
      number: index + 1,
      mask: { geometry, data: Uint8Array.from(logits, (value) => Number(value > 0)) },
      probability: probabilities[index + 1]!,
      logits,
    })),
  };
  const image = { geometry, channels: 1, data: new Uint8Array(2) } as const;
  const native = await toNativeGrid(stack, image, new AbortController().signal);
  expect(native.segments.map(({ mask }) => [...mask.data])).toEqual([
    [1, 0],
    [0, 0],
  ]);
  const [first, second] = toNativeProbabilities(stack, image);
  expect(first![0]).toBeCloseTo(0.45, 5);
  expect(second![1]).toBeCloseTo(0.15, 5);
});

test("SAM sees the network's own window, soft tissue of a CT, all of 8 bits, or most of the case", () => {
  const caseOf = (data: Uint8Array | Int16Array): DatasetCase => {
    const geometry = { columns: data.length, rows: 1 };
    const volume = {
      size: [data.length, 1, 1],
      indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    } as const;
    return { id: "case", geometry: volume, hasSpacing: false, slices: [{ geometry, channels: 1, data }] };
  };
  const values = caseOf(Int16Array.from({ length: 201 }, (_, i) => 10 * i));
  const lungs = { kind: "window", center: -600, width: 1500 } as const;
  const clipped = { kind: "clipped", lower: -900, upper: 300, mean: 0, standardDeviation: 1 } as const;
  const percentiles = { kind: "percentiles", lower: 1, upper: 99, scope: "image" } as const;
  expect(displayRangeOf(values, "CT", lungs)).toEqual({ lower: -1350, upper: 150 });
  expect(displayRangeOf(values, "CT", clipped)).toEqual({ lower: -900, upper: 300 });
  expect(displayRangeOf(values, "CT", percentiles)).toEqual({ lower: -160, upper: 240 });
  expect(displayRangeOf(caseOf(new Uint8Array(9)), "radiograph", percentiles)).toEqual({ lower: 0, upper: 255 });
  expect(displayRangeOf(values, "MR", percentiles)).toEqual({ lower: 10, upper: 1990 });
});
