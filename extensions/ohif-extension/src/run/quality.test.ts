import { describe, expect, it } from "vitest";
import { isFlagged, meanQuality, nextFlagged, qualityWord, type SegmentQuality } from "./quality.ts";

const segment = (overrides: Partial<SegmentQuality>): SegmentQuality => ({
  number: 1,
  areaPixels: 100,
  estimatedDice: 0.9,
  doubt: undefined,
  ...overrides,
});

describe("flags", () => {
  it("flags a slice for one bad structure, not for an absent one", () => {
    const bad = [segment({}), segment({ number: 2, estimatedDice: 0.5 })];
    expect(isFlagged({ segments: bad, isReviewed: false }, 0.75)).toBe(true);
    expect(isFlagged({ segments: [segment({ estimatedDice: 0.1, areaPixels: 0 })], isReviewed: false }, 0.75)).toBe(
      false,
    );
  });

  it("flags disagreement and forgets it after review", () => {
    const segments = [segment({ doubt: "SAM and the network disagree" })];
    expect(isFlagged({ segments, isReviewed: false }, 0.75)).toBe(true);
    expect(isFlagged({ segments, isReviewed: true }, 0.75)).toBe(false);
    expect(isFlagged(undefined, 0.75)).toBe(false);
  });

  it("walks the flagged slices in order and wraps", () => {
    expect(nextFlagged([3, 7], 3)).toBe(7);
    expect(nextFlagged([3, 7], 7)).toBe(3);
    expect(nextFlagged([], 0)).toBeUndefined();
  });
});

describe("words and means", () => {
  it("says good, fair and check", () => {
    expect(qualityWord(0.95, 0.75)).toBe("good");
    expect(qualityWord(0.8, 0.75)).toBe("fair");
    expect(qualityWord(0.7, 0.75)).toBe("check");
  });

  it("weighs by area and is undefined without an estimate", () => {
    expect(meanQuality([segment({ areaPixels: 300, estimatedDice: 1 }), segment({ estimatedDice: 0.6 })])).toBeCloseTo(
      0.9,
    );
    expect(meanQuality([segment({ estimatedDice: undefined })])).toBeUndefined();
  });
});
