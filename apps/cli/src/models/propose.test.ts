import { marginLogits, type SegmentStack } from "@samrefine/core";
import { expect, test } from "vitest";
import { toNativeGrid, toNativeProbabilities } from "./propose.ts";

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
