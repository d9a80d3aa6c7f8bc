import type { SliceState } from "../labelmap/segmentation-record.ts";
import type { PromptObject } from "../prompts/prompt-object.ts";
import type { SliceResult } from "../refinery/contract.ts";
import type { SliceQuality } from "../run/quality.ts";

/** A slice as a run leaves it. */
export function stateOfResult(slice: number, result: SliceResult): SliceState {
  const { labels, hidden } = result;
  return { labels, hidden, objects: objectsOfResult(slice, result), quality: qualityOfResult(result) };
}

function qualityOfResult(result: SliceResult): SliceQuality {
  return {
    isReviewed: false,
    segments: result.segments.map(({ number, areaPixels, estimatedDice, reason }) => ({
      number,
      areaPixels,
      estimatedDice,
      doubt: reason,
    })),
  };
}

/** The prompts of a run as objects that can be dragged. */
function objectsOfResult(slice: number, result: SliceResult): PromptObject[] {
  return result.segments.flatMap(({ number, objects }) =>
    objects.map(
      ({ prompt, mask }, index): PromptObject => ({
        id: `network-${slice}-${number}-${index}`,
        segment: number,
        prompt,
        mask,
        origin: "network",
      }),
    ),
  );
}
