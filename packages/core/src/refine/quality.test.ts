import { expect, test } from "vitest";
import { drawMask } from "../mask/masks.fixture.ts";
import { answerAgreement, diceOfIou, maskAgreement, softDice } from "./quality.ts";

test("IoU to Dice (parity vector 4); SAM's claims beyond 1 are clamped", () => {
  expect([0.5, 0.8, 0.9, 0.95].map((q) => Number(diceOfIou(q).toFixed(6)))).toEqual([
    0.666667, 0.888889, 0.947368, 0.974359,
  ]);
  expect(diceOfIou(1.03)).toBe(1);
  expect(diceOfIou(-0.1)).toBe(0);
});

test("agreement is Dice, and nothing agrees with nothing", () => {
  expect(maskAgreement(drawMask("##."), drawMask(".##"))).toBe(0.5);
  expect(maskAgreement(drawMask("..."), drawMask("..."))).toBe(0);
});

test("answers of several clicks: alike 1, half against half 0, over what any of them marks", () => {
  const [a, b] = [drawMask("##.."), drawMask(".##.")];
  expect(answerAgreement([a, a, a])).toBe(1);
  // One of three pixels is marked by both.
  expect(answerAgreement([a, b])).toBeCloseTo(1 / 3, 12);
  // Three votes of four: 1 - 4 * 3/4 * 1/4.
  expect(answerAgreement([a, a, a, drawMask("....")])).toBeCloseTo(0.25, 12);
  expect(answerAgreement([a])).toBeUndefined();
  expect(answerAgreement([drawMask("...."), drawMask("....")])).toBeUndefined();
});

test("soft Dice: 2 sum(p m) / (sum p + sum m); a certain mask has 1", () => {
  expect(softDice(Float32Array.of(0.75, 0.25), drawMask("#."))).toBeCloseTo((2 * 0.75) / (1 + 1), 12);
  expect(softDice(undefined, drawMask("#."))).toBe(1);
});
