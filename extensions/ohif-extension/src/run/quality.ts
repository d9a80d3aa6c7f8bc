/** What is known about one segment on one slice after a run or an edit. */
export interface SegmentQuality {
  readonly number: number;
  readonly areaPixels: number;
  /** Estimated Dice 0..1; undefined when nothing estimates it (hand-made, absent). */
  readonly estimatedDice: number | undefined;
  /** Why SAM's mask was not taken, in words; undefined when it was. */
  readonly doubt: string | undefined;
}

export interface SliceQuality {
  readonly segments: readonly SegmentQuality[];
  /** A person accepted a mask on this slice: it is no longer doubtful. */
  readonly isReviewed: boolean;
}

export type QualityWord = "good" | "fair" | "check";

/** The word that goes with an estimated Dice; `flagBelow` is where "check" begins. */
export function qualityWord(estimatedDice: number, flagBelow: number): QualityWord {
  if (estimatedDice < flagBelow) return "check";
  return estimatedDice < (1 + flagBelow) / 2 ? "fair" : "good";
}

/** Mean of the segments' estimates, weighted by area, so that a speck does not decide; undefined when there is none. */
export function meanQuality(segments: readonly SegmentQuality[]): number | undefined {
  let sum = 0;
  let weight = 0;
  for (const { estimatedDice, areaPixels } of segments) {
    if (estimatedDice === undefined || areaPixels === 0) continue;
    sum += estimatedDice * areaPixels;
    weight += areaPixels;
  }
  return weight > 0 ? sum / weight : undefined;
}

/** The lowest estimate of a present segment: one bad structure is enough to look at a slice. */
export function worstQuality(slice: SliceQuality): number | undefined {
  const estimates = slice.segments.flatMap(({ estimatedDice, areaPixels }) =>
    estimatedDice === undefined || areaPixels === 0 ? [] : [estimatedDice],
  );
  return estimates.length > 0 ? Math.min(...estimates) : undefined;
}

/** Doubtful: not yet reviewed, and a present segment is estimated below the limit or SAM and the network disagreed on it. */
export function isFlagged(slice: SliceQuality | undefined, flagBelow: number): boolean {
  if (!slice || slice.isReviewed) return false;
  const worst = worstQuality(slice);
  if (worst !== undefined && worst < flagBelow) return true;
  return slice.segments.some(({ doubt, areaPixels }) => doubt !== undefined && areaPixels > 0);
}

/** The next flagged slice after `current`, wrapping round; undefined when none is flagged. */
export function nextFlagged(flagged: readonly number[], current: number): number | undefined {
  return flagged.find((slice) => slice > current) ?? flagged[0];
}
