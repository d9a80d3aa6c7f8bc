import { type BoxPrompt, boxOfMask, type ImageGeometry, type LowResLogits, splitComponents } from "@samrefine/core";
import { replaceObject, withSegmentMask } from "../labelmap/edit.ts";
import { decodeMask } from "../labelmap/runs.ts";
import type { SegmentationRecord, SliceState } from "../labelmap/segmentation-record.ts";
import { type EditablePrompt, emptyPrompt } from "../prompts/editable-prompt.ts";
import { type PromptObject, personObjectAt } from "../prompts/prompt-object.ts";

/** A click or a box of the SAM refine tool, in the slice's own pixels. */
export type Gesture =
  | { readonly kind: "point"; readonly x: number; readonly y: number; readonly label: "foreground" | "background" }
  | { readonly kind: "box"; readonly box: BoxPrompt };

/**
 * What a person is doing to one object on one slice until Enter or Esc. `steps` grows by one prompt per gesture, so that the
 * last gesture can be taken back.
 */
export interface PendingEdit {
  readonly record: SegmentationRecord;
  readonly slice: number;
  readonly segment: number;
  readonly before: SliceState;
  /** The object that is gone on with; undefined for a new one. */
  readonly replaced: PromptObject | undefined;
  /** What the object covered before, and SAM's mask prompt for the first answer; undefined for a new object. */
  readonly initial: Uint8Array | undefined;
  readonly steps: readonly EditablePrompt[];
  /** SAM's own mask of the answer before: the mask prompt of the next one. */
  readonly lowResLogits: LowResLogits | undefined;
  /** SAM's last answer. */
  readonly mask: Uint8Array | undefined;
  /** How that answer was had; for another of SAM's masks the same is asked again. Undefined before the first answer. */
  readonly answer: { readonly token: number; readonly askedWith: LowResLogits | undefined } | undefined;
}

/** SAM's masks of one question: the single one, then whole, part and subpart. */
export const MASK_TOKENS = ["token0", "token1", "token2", "token3"] as const;

export function promptOf(edit: PendingEdit): EditablePrompt {
  return edit.steps.at(-1) ?? emptyPrompt;
}

/**
 * Where a first gesture leads:
 * - on an object that a person made: it goes on with that object and its prompts;
 * - elsewhere on the segment (network, brush): it corrects the connected piece under the pixel, given to SAM as a mask; a
 *   negative click adds the piece's box, so that SAM knows what it is about;
 * - outside the segment: it begins a new object that is added.
 *
 * @returns undefined for a negative click outside the segment: there is nothing to take away.
 */
export function beginEdit(
  record: SegmentationRecord,
  slice: number,
  segment: number,
  gesture: Gesture,
): PendingEdit | undefined {
  const geometry = record.labelmap.geometry(slice);
  const base = {
    record,
    slice,
    segment,
    before: record.state(slice),
    lowResLogits: undefined,
    mask: undefined,
    answer: undefined,
  };
  if (gesture.kind === "box") {
    return { ...base, replaced: undefined, initial: undefined, steps: [withGesture(emptyPrompt, gesture)] };
  }
  const index = pixelIndex(gesture, geometry);
  const known = personObjectAt(record.objects(slice), segment, index);
  if (known) {
    return {
      ...base,
      replaced: known,
      initial: decodeMask(known.mask),
      steps: [known.prompt, withGesture(known.prompt, gesture)],
    };
  }
  const mask = record.mask(slice, segment);
  if (mask[index] === 1) {
    const piece = splitComponents({ geometry, data: mask }).find((component) => component.mask.data[index] === 1);
    const initial = piece?.mask.data ?? mask;
    const box =
      gesture.label === "background"
        ? boxOfMask({ geometry, data: initial }, { marginPixels: 2, marginFraction: 0 })
        : undefined;
    const prompt: EditablePrompt = { points: [], box };
    return { ...base, replaced: undefined, initial, steps: [prompt, withGesture(prompt, gesture)] };
  }
  if (gesture.label === "background") return undefined;
  return { ...base, replaced: undefined, initial: undefined, steps: [withGesture(emptyPrompt, gesture)] };
}

/** The edit with one more gesture. A second box replaces the first. */
export function continueEdit(edit: PendingEdit, gesture: Gesture): PendingEdit {
  return { ...edit, steps: [...edit.steps, withGesture(promptOf(edit), gesture)] };
}

/** The edit without its last gesture; undefined when nothing would be left. SAM's own mask belongs to the old prompts. */
export function withoutLastGesture(edit: PendingEdit): PendingEdit | undefined {
  const steps = edit.steps.slice(0, -1);
  const isBack = edit.replaced !== undefined || edit.initial !== undefined ? steps.length < 2 : steps.length === 0;
  return isBack ? undefined : { ...edit, steps, lowResLogits: undefined, mask: undefined, answer: undefined };
}

function withGesture(prompt: EditablePrompt, gesture: Gesture): EditablePrompt {
  if (gesture.kind === "box") return { ...prompt, box: gesture.box };
  return { ...prompt, points: [...prompt.points, { x: gesture.x, y: gesture.y, label: gesture.label }] };
}

/** The slice's labels with the answer in them; what they were when there is no answer yet. */
export function previewLabels(edit: PendingEdit, labelsBefore: Uint8Array, locked: ReadonlySet<number>): Uint8Array {
  if (!edit.mask) return labelsBefore;
  return withSegmentMask(labelsBefore, edit.segment, segmentAfter(edit, edit.mask, labelsBefore), locked);
}

function segmentAfter(edit: PendingEdit, answer: Uint8Array, labelsBefore: Uint8Array): Uint8Array {
  const current = labelsBefore.map((label) => (label === edit.segment ? 1 : 0));
  for (const { number, pixels } of edit.before.hidden) {
    if (number === edit.segment) for (const index of pixels) if (labelsBefore[index] !== 0) current[index] = 1;
  }
  const others = edit.before.objects
    .filter((object) => object.segment === edit.segment && object !== edit.replaced && object.origin === "person")
    .map((object) => decodeMask(object.mask));
  return replaceObject(current, edit.initial, answer, others);
}

function pixelIndex({ x, y }: { readonly x: number; readonly y: number }, { columns, rows }: ImageGeometry): number {
  const column = Math.min(Math.max(Math.round(x), 0), columns - 1);
  const row = Math.min(Math.max(Math.round(y), 0), rows - 1);
  return row * columns + column;
}
