import { RefineError } from "../errors.ts";
import type { BoxPrompt, PointPrompt, Prompt } from "./prompt.ts";

/** One thing that a person does to a prompt on screen. Coordinates are pixel indices in the prompt's own frame. */
export type PromptEdit =
  | { readonly kind: "add-point"; readonly point: PointPrompt }
  | { readonly kind: "move-point"; readonly index: number; readonly x: number; readonly y: number }
  | { readonly kind: "remove-point"; readonly index: number }
  /** Two opposite corners in any order, as a drag gives them. */
  | { readonly kind: "set-box"; readonly from: Corner; readonly to: Corner }
  | { readonly kind: "remove-box" };

interface Corner {
  readonly x: number;
  readonly y: number;
}

/**
 * Applies one edit and returns a new prompt.
 *
 * @throws RefineError `prompt-out-of-bounds` for a coordinate outside the frame (pixel (0, 0) reaches from -0.5 to 0.5) or
 *   for a point that does not exist.
 */
export function editPrompt(prompt: Prompt, edit: PromptEdit): Prompt {
  const points = prompt.points ?? [];
  const { points: _points, box: _box, ...rest } = prompt;
  const build = (newPoints: readonly PointPrompt[], box: BoxPrompt | undefined): Prompt => ({
    ...rest,
    ...(newPoints.length === 0 ? {} : { points: newPoints }),
    ...(box === undefined ? {} : { box }),
  });
  if (edit.kind === "add-point") {
    requireInside(prompt, edit.point);
    return build([...points, edit.point], prompt.box);
  }
  if (edit.kind === "set-box") {
    requireInside(prompt, edit.from);
    requireInside(prompt, edit.to);
    return build(points, {
      xMin: Math.min(edit.from.x, edit.to.x),
      yMin: Math.min(edit.from.y, edit.to.y),
      xMax: Math.max(edit.from.x, edit.to.x),
      yMax: Math.max(edit.from.y, edit.to.y),
    });
  }
  if (edit.kind === "remove-box") return build(points, undefined);
  const edited = points[edit.index];
  if (edited === undefined) {
    throw new RefineError(
      "prompt-out-of-bounds",
      `Point ${edit.index} does not exist; the prompt has ${points.length} points.`,
      { details: { index: edit.index, points: points.length } },
    );
  }
  if (edit.kind === "remove-point") return build(points.toSpliced(edit.index, 1), prompt.box);
  requireInside(prompt, edit);
  return build(points.with(edit.index, { ...edited, x: edit.x, y: edit.y }), prompt.box);
}

function requireInside({ geometry: { columns, rows } }: Prompt, { x, y }: Corner): void {
  if (x >= -0.5 && y >= -0.5 && x <= columns - 0.5 && y <= rows - 0.5) return;
  throw new RefineError(
    "prompt-out-of-bounds",
    `A prompt at (${x}, ${y}) lies outside the image of ${columns} columns x ${rows} rows.`,
    { hint: "Place it on the image.", details: { x, y, columns, rows } },
  );
}
