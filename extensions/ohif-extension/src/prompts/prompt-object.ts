import { type MaskRuns, maskHas } from "../labelmap/runs.ts";
import type { EditablePrompt } from "./editable-prompt.ts";

/** One thing on one slice that SAM was asked about; a segment may hold several on a slice (teeth, vertebrae). Immutable. */
export interface PromptObject {
  readonly id: string;
  readonly segment: number;
  readonly prompt: EditablePrompt;
  /** What SAM answered, or the network's mask that the prompt was derived from. */
  readonly mask: MaskRuns;
  readonly origin: "network" | "person";
}

/** The newest object of a segment, made by a person, whose mask holds the pixel: a click there goes on with it. */
export function personObjectAt(
  objects: readonly PromptObject[],
  segment: number,
  pixelIndex: number,
): PromptObject | undefined {
  return objects.findLast(
    (object) => object.segment === segment && object.origin === "person" && maskHas(object.mask, pixelIndex),
  );
}
