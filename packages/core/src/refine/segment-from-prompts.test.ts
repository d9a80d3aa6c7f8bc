import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import type { Image2D } from "../image/image.ts";
import { rectangleMask } from "../mask/masks.fixture.ts";
import { editPrompt } from "../prompt/edit-prompt.ts";
import type { Prompt } from "../prompt/prompt.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { segmentFromPrompts } from "./segment-from-prompts.ts";

const geometry = { columns: 8, rows: 6 };
const image: Image2D = { geometry, channels: 1, data: new Uint8Array(48) };
const displayRange = { lower: 0, upper: 1 };
const empty: Prompt = { segment: 4, geometry };
const click = editPrompt(empty, { kind: "add-point", point: { x: 2, y: 3, label: "foreground" } });

describe("editPrompt", () => {
  test("add, move, remove; the original stays", () => {
    const two = editPrompt(click, { kind: "add-point", point: { x: 7, y: 0, label: "background" } });
    const moved = editPrompt(two, { kind: "move-point", index: 1, x: 6, y: 1 });
    expect(moved.points).toEqual([
      { x: 2, y: 3, label: "foreground" },
      { x: 6, y: 1, label: "background" },
    ]);
    expect(two.points?.[1]?.x).toBe(7);
    expect(
      editPrompt(editPrompt(moved, { kind: "remove-point", index: 0 }), { kind: "remove-point", index: 0 }),
    ).toEqual(empty);
  });

  test("a box takes its corners in any order, and goes again", () => {
    const boxed = editPrompt(click, { kind: "set-box", from: { x: 5, y: 1 }, to: { x: 1, y: 4 } });
    expect(boxed.box).toEqual({ xMin: 1, yMin: 1, xMax: 5, yMax: 4 });
    expect(editPrompt(boxed, { kind: "remove-box" })).toEqual(click);
  });

  test("outside the image, or a point that is not there", () => {
    for (const edit of [
      { kind: "add-point", point: { x: 7.6, y: 0, label: "foreground" } },
      { kind: "move-point", index: 0, x: 0, y: -0.6 },
      { kind: "move-point", index: 1, x: 0, y: 0 },
      { kind: "remove-point", index: -1 },
      { kind: "set-box", from: { x: 0, y: 0 }, to: { x: 3, y: 6 } },
    ] as const) {
      let caught: unknown;
      try {
        editPrompt(click, edit);
      } catch (error) {
        caught = error;
      }
      expect(isRefineError(caught, "prompt-out-of-bounds")).toBe(true);
    }
  });
});

describe("segmentFromPrompts", () => {
  const mask = rectangleMask(geometry, { xMin: 1, yMin: 1, xMax: 3, yMax: 3 });

  test("nothing to ask is no answer, and nothing is encoded", async () => {
    const sam = recordingSegmenter(() => 1);
    expect(await segmentFromPrompts(image, empty, sam, { displayRange })).toBeUndefined();
    expect(sam.encodes).toHaveLength(0);
  });

  test("the present mask goes along as a mask prompt unless the prompt has its own", async () => {
    const sam = recordingSegmenter(() => 1);
    await segmentFromPrompts(image, click, sam, { displayRange, initial: { number: 4, mask }, maskChoice: "token0" });
    const asked = sam.decodes[0];
    expect(asked?.prompts[0]?.points).toEqual(click.points);
    expect(asked?.prompts[0]?.maskInput?.data[9]).toBeCloseTo(6.906755, 5);
    expect(asked?.prompts[0]?.maskInput?.data[0]).toBeCloseTo(-6.906755, 5);
    expect(asked?.options?.maskChoice).toBe("token0");
    const own = { geometry, data: new Float32Array(48) };
    await segmentFromPrompts(image, { ...click, maskInput: own }, sam, { displayRange, initial: { number: 4, mask } });
    expect(sam.decodes[1]?.prompts[0]?.maskInput).toBe(own);
    expect(sam.embeddings.map(({ disposed }) => disposed)).toEqual([1, 1]);
  });

  test("blends with the network when asked to", async () => {
    const sam = recordingSegmenter(() => 1);
    const initial = { number: 4, mask };
    const alone = await segmentFromPrompts(image, click, sam, { displayRange, initial });
    expect(alone?.mask.data.every((value) => value === 1)).toBe(true);
    const blended = await segmentFromPrompts(image, click, sam, { displayRange, initial, samWeight: 0.5 });
    expect(blended?.mask.data).toEqual(mask.data);
    const { box, data } = blended!.logits;
    expect(data[(1 - box.yMin) * (box.xMax - box.xMin + 1) + 1 - box.xMin]).toBeCloseTo(0.5 * 1 + 0.5 * 6.906755, 5);
  });

  test("a box to a model without boxes is refused by name", async () => {
    const sam = recordingSegmenter(() => 1, { capabilities: { box: false } });
    const boxed = editPrompt(empty, { kind: "set-box", from: { x: 0, y: 0 }, to: { x: 3, y: 3 } });
    await expect(segmentFromPrompts(image, boxed, sam, { displayRange })).rejects.toThrow(/box prompts/);
  });

  test("the signal reaches encode and decode; aborting disposes", async () => {
    const controller = new AbortController();
    const reason = new Error("another click");
    const sam = recordingSegmenter(() => 1, { onDecode: () => controller.abort(reason) });
    const run = segmentFromPrompts(image, click, sam, { displayRange, signal: controller.signal });
    await expect(run).rejects.toBe(reason);
    expect(sam.encodes[0]?.signal).toBe(controller.signal);
    expect(sam.decodes[0]?.options?.signal).toBe(controller.signal);
    expect(sam.embeddings[0]?.disposed).toBe(1);
  });
});
