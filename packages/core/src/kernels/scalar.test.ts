import { expect, test } from "vitest";
import { logit, roundHalfEven, sigmoid } from "./scalar.ts";

test("logit(1 - 1e-3) (parity vector 1), and sigmoid is its inverse", () => {
  expect(logit(1 - 1e-3)).toBeCloseTo(6.906754778648553, 12);
  for (const p of [1e-6, 0.2, 0.5, 0.999]) expect(sigmoid(logit(p))).toBeCloseTo(p, 12);
  expect(sigmoid(-1000)).toBe(0);
});

test("ties go to the even number (parity vector 5)", () => {
  expect([2.5, 3.5, -0.5, 0.5, 1.1666, 3.8333, -1.5, -2.5].map(roundHalfEven)).toEqual([2, 4, 0, 0, 1, 4, -2, -2]);
});
