import type { Prompt } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { decoderPrompt, fillUp, groupForBatching } from "./decoder-prompt.ts";
import { letterbox } from "./frame.ts";

const geometry = { rows: 512, columns: 1024 };
const frame = letterbox(geometry, 1024);
const foreground = { x: 10, y: 20, label: "foreground" as const };
const background = { x: 30, y: 40, label: "background" as const };
const box = { xMin: 5, yMin: 6, xMax: 7, yMax: 8 };
const encode = (prompt: Omit<Prompt, "segment" | "geometry">) =>
  decoderPrompt({ segment: 1, geometry, ...prompt }, 0, frame);

describe("decoderPrompt", () => {
  test("points without a box get one padding token, after them", () => {
    const { coordinates, labels } = encode({ points: [foreground, background] });
    expect([...labels]).toEqual([1, 0, -1]);
    expect([...coordinates]).toEqual([10, 20, 30, 40, 0, 0]);
  });

  test("a box comes after the points, and brings no padding token", () => {
    const { coordinates, labels } = encode({ points: [foreground], box });
    expect([...labels]).toEqual([1, 2, 3]);
    expect([...coordinates]).toEqual([10, 20, 5, 6, 7, 8]);
    expect([...encode({ box }).labels]).toEqual([2, 3]);
  });

  test("a mask alone is a prompt; nothing at all is none", () => {
    const maskInput = { width: 256, height: 256, data: new Float32Array(256 * 256) };
    expect([...encode({ maskInput }).labels]).toEqual([-1]);
    expect(() => encode({})).toThrow(expect.objectContaining({ code: "configuration" }));
  });

  test("a box over the border is clipped to the outermost pixel centres", () => {
    const { coordinates } = encode({ box: { xMin: -9, yMin: -1, xMax: 1030, yMax: 511.4 } });
    expect([...coordinates]).toEqual([0, 0, 1023, 511]);
  });

  test.each([
    ["a point right of the image", { points: [{ ...foreground, x: 1023.6 }] }],
    ["a point that is not a number", { points: [{ ...foreground, y: Number.NaN }] }],
    ["a box outside", { box: { xMin: 1030, yMin: 0, xMax: 1040, yMax: 9 } }],
    ["a box inside out", { box: { xMin: 9, yMin: 0, xMax: 3, yMax: 9 } }],
    ["a box that is not a number", { box: { ...box, xMax: Number.NaN } }],
  ])("%s is refused", (_, prompt) => {
    expect(() => encode(prompt)).toThrow(expect.objectContaining({ code: "prompt-out-of-bounds" }));
  });
});

test("a prompt that is filled up keeps its tokens first, and knows how many they are", () => {
  const { coordinates, labels, counted } = fillUp(encode({ points: [foreground], box }));
  expect(counted).toBe(3);
  expect([...labels]).toEqual([1, 2, 3, -1, -1, -1, -1, -1]);
  expect([...coordinates]).toEqual([10, 20, 5, 6, 7, 8, ...new Array<number>(10).fill(0)]);
  expect(fillUp(encode({ points: new Array(8).fill(foreground) })).labels.length).toBe(16);
});

test("a batch holds one number of tokens, masks or none, and at most so many prompts", () => {
  const maskInput = { width: 256, height: 256, data: new Float32Array(256 * 256) };
  const prompts = [
    { box },
    { points: [foreground] },
    { points: [foreground, background] },
    { box, maskInput },
    { box },
  ].map((prompt, index) => decoderPrompt({ segment: 1, geometry, ...prompt }, index, frame));
  const indices = (largest: number) =>
    groupForBatching(prompts, () => largest).map((batch) => batch.map(({ index }) => index));
  expect(indices(8)).toEqual([[0, 1, 4], [2], [3]]);
  expect(indices(2)).toEqual([[0, 1], [4], [2], [3]]);
});
