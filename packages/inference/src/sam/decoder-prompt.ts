import { type ImageGeometry, type PointPrompt, type Prompt, RefineError } from "@samrefine/core";
import type { DecoderInterface } from "./decoder-interface.ts";
import { type SamFrame, toFrame } from "./frame.ts";

/** A prompt as the decoder takes it. */
export interface DecoderPrompt {
  /** Position in the list that was asked for. */
  readonly index: number;
  /** [token, 2] in frame pixels. */
  readonly coordinates: Float32Array;
  /** [token]: 1 foreground, 0 background, 2 and 3 the corners of a box, -1 no point (methods.md 6.1). */
  readonly labels: Float32Array;
  /** How many tokens count, from the first on; the others only fill up the list. */
  readonly counted: number;
  readonly prompt: Prompt;
}

/**
 * Points first, then the two corners of the box, as SamPredictor orders them. A prompt without a box gets one "no point"
 * token at (0, 0), which PyTorch's predictor adds and the official decoder leaves to its caller (methods.md 6.1 item 1);
 * where the graph pads, only a mask without points gets it, since no list of tokens may be empty.
 * A box that reaches over the border is clipped to the image.
 *
 * @throws RefineError `prompt-out-of-bounds` when a point or a whole box lies outside, or is not a number; `configuration`
 * when there is nothing in the prompt.
 */
export function decoderPrompt(
  prompt: Prompt,
  index: number,
  frame: SamFrame,
  padding: DecoderInterface["padding"] = "caller",
): DecoderPrompt {
  const points = prompt.points ?? [];
  if (points.length === 0 && !prompt.box && !prompt.maskInput) {
    throw new RefineError(
      "configuration",
      `The prompt for segment ${prompt.segment} holds neither points, box nor mask.`,
      {
        hint: "Leave such a prompt out.",
        details: { segment: prompt.segment },
      },
    );
  }
  const coordinates: number[] = [];
  const labels: number[] = [];
  for (const point of points) {
    requireInside(point, prompt.geometry, prompt.segment);
    coordinates.push(...toFrame(frame, prompt.geometry, point.x, point.y));
    labels.push(point.label === "foreground" ? 1 : 0);
  }
  if (prompt.box) {
    const box = clippedBox(prompt.box, prompt.geometry, prompt.segment);
    coordinates.push(...toFrame(frame, prompt.geometry, box.xMin, box.yMin));
    coordinates.push(...toFrame(frame, prompt.geometry, box.xMax, box.yMax));
    labels.push(2, 3);
  } else if (padding === "caller" || labels.length === 0) {
    coordinates.push(0, 0);
    labels.push(-1);
  }
  return {
    index,
    coordinates: Float32Array.from(coordinates),
    labels: Float32Array.from(labels),
    counted: labels.length,
    prompt,
  };
}

/** Lists of tokens are filled up to a multiple of this: nearly all prompts then have one length. */
const filledMultiple = 8;

/** The same prompt with tokens that do not count behind its own, for decoders that can hide them. */
export function fillUp(prompt: DecoderPrompt): DecoderPrompt {
  const length = Math.ceil(prompt.counted / filledMultiple) * filledMultiple;
  const coordinates = new Float32Array(length * 2);
  coordinates.set(prompt.coordinates);
  const labels = new Float32Array(length).fill(-1);
  labels.set(prompt.labels);
  return { ...prompt, coordinates, labels };
}

/**
 * Prompts that can share one run: the same number of tokens, and all with a mask or all without. Shorter lists are not
 * filled up with "no point" tokens, because those are learned embeddings that the decoder attends to: they change the mask,
 * unless it can be told to leave them out ({@link fillUp}).
 */
export function groupForBatching(
  prompts: readonly DecoderPrompt[],
  largestBatch: (prompt: Prompt) => number,
): DecoderPrompt[][] {
  const groups = new Map<string, DecoderPrompt[]>();
  for (const prompt of prompts) {
    const key = `${prompt.labels.length}${prompt.prompt.maskInput ? "+mask" : ""}/${largestBatch(prompt.prompt)}`;
    const group = groups.get(key);
    if (group) group.push(prompt);
    else groups.set(key, [prompt]);
  }
  const batches: DecoderPrompt[][] = [];
  for (const group of groups.values()) {
    const size = largestBatch(group[0]!.prompt);
    for (let start = 0; start < group.length; start += size) batches.push(group.slice(start, start + size));
  }
  return batches;
}

/** A pixel reaches half a pixel around its centre. */
function requireInside(point: PointPrompt, geometry: ImageGeometry, segment: number): void {
  const { x, y } = point;
  if (x >= -0.5 && y >= -0.5 && x <= geometry.columns - 0.5 && y <= geometry.rows - 0.5) return;
  throw outOfBounds(`point (${x}, ${y})`, geometry, segment);
}

function clippedBox(
  box: NonNullable<Prompt["box"]>,
  geometry: ImageGeometry,
  segment: number,
): NonNullable<Prompt["box"]> {
  const right = geometry.columns - 1;
  const bottom = geometry.rows - 1;
  const isOrdered = box.xMin <= box.xMax && box.yMin <= box.yMax;
  const overlaps = box.xMin <= right + 0.5 && box.yMin <= bottom + 0.5 && box.xMax >= -0.5 && box.yMax >= -0.5;
  if (!isOrdered || !overlaps) {
    throw outOfBounds(`box [${box.xMin}, ${box.yMin}, ${box.xMax}, ${box.yMax}]`, geometry, segment);
  }
  const clip = (value: number, highest: number) => Math.min(Math.max(value, 0), highest);
  return {
    xMin: clip(box.xMin, right),
    yMin: clip(box.yMin, bottom),
    xMax: clip(box.xMax, right),
    yMax: clip(box.yMax, bottom),
  };
}

function outOfBounds(what: string, geometry: ImageGeometry, segment: number): RefineError {
  return new RefineError(
    "prompt-out-of-bounds",
    `The ${what} for segment ${segment} lies outside of its grid of ${geometry.columns} x ${geometry.rows} pixels, or is not a proper one.`,
    {
      hint: "Prompts are in pixel indices of the geometry that they carry; a box has its minimum first.",
      details: { segment, columns: geometry.columns, rows: geometry.rows },
    },
  );
}
