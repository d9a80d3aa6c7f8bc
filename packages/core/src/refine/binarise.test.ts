import { expect, test } from "vitest";
import { argMaxMasks } from "./binarise.ts";

const pixel = (...probabilities: number[]) => probabilities.map((p) => Float32Array.of(p));
const won = (probabilities: readonly Float32Array[], gate?: Parameters<typeof argMaxMasks>[1]["gate"]) =>
  argMaxMasks(probabilities, { kind: "arg-max", ...(gate && { gate }) }).map(([value]) => value);

test("the most probable class wins, or what is left of a sum of 1", () => {
  expect(won(pixel(0.3, 0.45, 0.1))).toEqual([0, 1, 0]);
  expect(won(pixel(0.1, 0.3, 0.1))).toEqual([0, 0, 0]);
  expect(won(pixel(0.9, 0.8))).toEqual([1, 0]);
  expect(won(pixel(0.51))).toEqual([1]);
  expect(won(pixel(0.49))).toEqual([0]);
});

test("the two confidences of parity vector 10", () => {
  const p = pixel(0.6, 0.38, 0.01);
  // (0.60 - 0.01) / 0.60 = 0.983.
  expect(won(p, { kind: "min-max-ratio", minimum: 0.95 })).toEqual([1, 0, 0]);
  expect(won(p, { kind: "min-max-ratio", minimum: 0.99 })).toEqual([0, 0, 0]);
  expect(won(p, { kind: "maximum-probability", minimum: 0.95 })).toEqual([0, 0, 0]);
  expect(won(p, { kind: "maximum-probability", minimum: 0.55 })).toEqual([1, 0, 0]);
});
