import fc from "fast-check";
import { expect, test } from "vitest";
import { anyMask, drawMask } from "../mask/masks.fixture.ts";
import { imposeMask, logitsOfMask, logitsOfProbability, PROBABILITY_MARGIN, probabilityWithin } from "./mask-prompt.ts";

test("a mask is certain to one in a thousand", () => {
  const { data } = logitsOfMask(drawMask("#."), 2);
  expect(data[0]).toBeCloseTo(2 * 6.906755, 5);
  expect(data[1]).toBeCloseTo(-2 * 6.906755, 5);
});

test("the sign says on which side of the threshold; certainty stays finite", () => {
  const logits = logitsOfProbability(Float32Array.of(0, 0.29, 0.31, 1), 0.3);
  expect([...logits].map(Math.sign)).toEqual([-1, -1, 1, 1]);
  expect(logits.every(Number.isFinite)).toBe(true);
});

test("imposing a mask turns signs and nothing else", () => {
  fc.assert(
    fc.property(anyMask(), (mask) => {
      const logits = Float32Array.from(mask.data, (_, i) => ((i * 7) % 5) - 2);
      for (const [i, value] of imposeMask(logits, mask).entries()) {
        expect(value > 0 ? 1 : 0).toBe(mask.data[i]);
        if (logits[i] !== 0) expect(Math.abs(value)).toBe(Math.abs(logits[i] ?? Number.NaN));
      }
    }),
  );
});

test("probabilities of logits stay within their margin; what is not a number is surely out", () => {
  const found = probabilityWithin(Float32Array.of(Number.NaN, -99, -2, 0, 2, 99));
  expect([...found.subarray(1, 2), ...found.subarray(5)]).toEqual(
    [PROBABILITY_MARGIN, 1 - PROBABILITY_MARGIN].map(Math.fround),
  );
  expect(found[0]).toBe(0);
  for (const [index, value] of [-2, 0, 2].entries())
    expect(found[2 + index]).toBeCloseTo(1 / (1 + Math.exp(-value)), 6);
});
