import { describe, expect, test } from "vitest";
import { labelPlanes } from "./activation.ts";

describe("labelPlanes", () => {
  test("independent labels may overlap", () => {
    const [first, second] = labelPlanes(Float32Array.of(2, -1, 3, 0.5), 2, "sigmoid");
    expect([...first!.logits, ...second!.logits]).toEqual([2, -1, 3, 0.5]);
    expect(first!.probability[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
  });

  test("one choice: the background of channel 0 is left out, the most probable is ahead of all others", () => {
    const [first, second] = labelPlanes(Float32Array.of(0, 5, 1, 0, 2, 4), 2, "softmax");
    expect([...first!.logits]).toEqual([-1, -5]);
    expect([...second!.logits]).toEqual([1, -1]);
    expect(second!.probability[0]).toBeCloseTo(Math.exp(2) / (1 + Math.exp(1) + Math.exp(2)), 6);
    // Logits far from 0 do not overflow.
    expect(labelPlanes(Float32Array.of(0, 1000), 1, "softmax")[0]!.probability[0]).toBe(1);
  });
});
