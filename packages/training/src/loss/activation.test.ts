import { describe, expect, test } from "vitest";
import { labelPlanes } from "./activation.ts";

describe("labelPlanes", () => {
  test("independent labels are where p > 0.5 and may overlap", () => {
    const [first, second] = labelPlanes(Float32Array.of(2, -1, 3, 0.5), 2, "sigmoid");
    expect([...first!.isPresent, ...second!.isPresent]).toEqual([1, 0, 1, 1]);
    expect(first!.probability[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
  });

  test("one choice: the background of channel 0 is left out, every pixel has the most probable", () => {
    const [first, second] = labelPlanes(Float32Array.of(0, 5, 1, 0, 2, 4), 2, "softmax");
    expect([...first!.isPresent]).toEqual([0, 0]);
    expect([...second!.isPresent]).toEqual([1, 0]);
    expect(second!.probability[0]).toBeCloseTo(Math.exp(2) / (1 + Math.exp(1) + Math.exp(2)), 6);
    // Logits far from 0 do not overflow.
    expect(labelPlanes(Float32Array.of(0, 1000), 1, "softmax")[0]!.probability[0]).toBe(1);
  });
});
