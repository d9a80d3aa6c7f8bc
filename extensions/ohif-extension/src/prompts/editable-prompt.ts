import type { BoxPrompt, ImageGeometry, PointPrompt, Prompt } from "@samrefine/core";

/** What a person sees and drags: points and a box in the slice's own pixels. */
export interface EditablePrompt {
  readonly points: readonly PointPrompt[];
  readonly box: BoxPrompt | undefined;
}

export const emptyPrompt: EditablePrompt = { points: [], box: undefined };

export function isEmptyPrompt(prompt: EditablePrompt): boolean {
  return prompt.points.length === 0 && prompt.box === undefined;
}

/** True when SAM can answer it: a box or at least one positive point. */
export function isAnswerable(prompt: EditablePrompt): boolean {
  return prompt.box !== undefined || prompt.points.some(({ label }) => label === "foreground");
}

/**
 * The prompts of all passes of a refinement as one: the last box and every different point, mapped to the image's own grid by
 * index scaling (the rule of {@link Prompt}). Undefined when no pass asked with points or a box.
 */
export function editablePrompt(passes: readonly Prompt[], image: ImageGeometry): EditablePrompt | undefined {
  let box: BoxPrompt | undefined;
  const points = new Map<string, PointPrompt>();
  for (const pass of passes) {
    const sx = image.columns / pass.geometry.columns;
    const sy = image.rows / pass.geometry.rows;
    if (pass.box) {
      const { xMin, yMin, xMax, yMax } = pass.box;
      box = { xMin: xMin * sx, yMin: yMin * sy, xMax: xMax * sx, yMax: yMax * sy };
    }
    for (const point of pass.points ?? []) {
      const moved = { x: point.x * sx, y: point.y * sy, label: point.label };
      points.set(`${moved.x},${moved.y},${moved.label}`, moved);
    }
  }
  const prompt = { points: [...points.values()], box };
  return isEmptyPrompt(prompt) ? undefined : prompt;
}

/** A box from two corners in any order, kept inside the image; undefined when it is thinner than a pixel. */
export function boxFromCorners(
  a: { readonly x: number; readonly y: number },
  b: { readonly x: number; readonly y: number },
  image: ImageGeometry,
): BoxPrompt | undefined {
  const clampX = (x: number) => Math.min(Math.max(x, 0), image.columns - 1);
  const clampY = (y: number) => Math.min(Math.max(y, 0), image.rows - 1);
  const box = {
    xMin: clampX(Math.min(a.x, b.x)),
    yMin: clampY(Math.min(a.y, b.y)),
    xMax: clampX(Math.max(a.x, b.x)),
    yMax: clampY(Math.max(a.y, b.y)),
  };
  return box.xMax - box.xMin >= 1 && box.yMax - box.yMin >= 1 ? box : undefined;
}
