import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createNnunetSplits } from "./splits.ts";

test("every trusted case is validated on once, pseudo labels only train, and no case is on both sides", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 2, max: 23 }),
      fc.nat(9),
      fc.integer({ min: 2, max: 7 }),
      (trustedCount, pseudoCount, folds) => {
        const trusted = Array.from({ length: trustedCount }, (_, i) => `t${i}`);
        const pseudo = Array.from({ length: pseudoCount }, (_, i) => `p${i}`);
        const splits = createNnunetSplits({ trusted, pseudo, folds });
        expect(splits.flatMap(({ val }) => val).sort()).toEqual([...trusted].sort());
        for (const { train, val } of splits) {
          expect(val.length).toBeGreaterThan(0);
          expect([...train, ...val].sort()).toEqual([...trusted, ...pseudo].sort());
        }
      },
    ),
  );
});

test("one trusted case cannot be split", () => {
  let error: unknown;
  try {
    createNnunetSplits({ trusted: ["a"], pseudo: ["b", "c"] });
  } catch (caught) {
    error = caught;
  }
  expect(isRefineError(error, "configuration")).toBe(true);
});
