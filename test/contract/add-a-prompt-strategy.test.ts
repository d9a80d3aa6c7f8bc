// docs/add-a-prompt-strategy.md: its code runs, and the page shows the code that runs.
import { readFileSync } from "node:fs";
import {
  type ImageGeometry,
  type MaskCandidate,
  type Prompt,
  type PromptableSegmenter,
  parsePlan,
  refine,
  type SegmentStack,
  wholePatch,
} from "@samrefine/core";
import { expect, test } from "vitest";
import { extremePoints, interiorPoints, refineByExtremePoints } from "../examples/prompt-strategy.ts";

const geometry: ImageGeometry = { columns: 20, rows: 12 };
const displayRange = { lower: 0, upper: 255 };
const image = { geometry, channels: 1, data: new Uint8Array(240) } as const;

/** A disk of radius 4 around (8, 6), and nothing of class 2. */
function disk(): SegmentStack {
  const isInside = (pixel: number) => Math.hypot((pixel % 20) - 8, Math.floor(pixel / 20) - 6) <= 4;
  const data = Uint8Array.from({ length: 240 }, (_, pixel) => Number(isInside(pixel)));
  const probability = Float32Array.from(data, (value) => (value === 1 ? 0.9 : 0.1));
  const nothing = { geometry, data: new Uint8Array(240) };
  return {
    geometry,
    segments: [
      { number: 1, mask: { geometry, data }, probability },
      { number: 2, mask: nothing, probability: new Float32Array(240).fill(0.05) },
    ],
  };
}

/** Answers every prompt with everything left of x = 10, and remembers what it was asked. */
function leftHalfSam(): { readonly sam: PromptableSegmenter; readonly asked: Prompt[]; alive(): number } {
  const asked: Prompt[] = [];
  let alive = 0;
  const sam: PromptableSegmenter = {
    modelId: "left-half",
    digest: "0",
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    encode: async () => {
      alive++;
      return { geometry, origin: "encoded", dispose: async () => void alive-- };
    },
    decode: async (_embedding, prompts) => {
      asked.push(...prompts);
      const logits = Float32Array.from({ length: 240 }, (_, pixel) => (pixel % 20 < 10 ? 9 : -9));
      const mask = { geometry, data: Uint8Array.from(logits, (value) => Number(value > 0)) };
      const lowResLogits = { width: 20, height: 12, data: logits };
      const answer = { mask, logits: wholePatch(logits, geometry), lowResLogits, predictedIou: 0.9, token: 0 };
      return prompts.map((): MaskCandidate => answer);
    },
    dispose: async () => {},
  };
  return { sam, asked, alive: () => alive };
}

test("the plan of the page is a plan, and asks what the page says", async () => {
  expect(parsePlan(JSON.parse(JSON.stringify(interiorPoints)))).toEqual(interiorPoints);
  const { sam, asked } = leftHalfSam();
  await refine(image, disk(), interiorPoints, sam, { displayRange });
  expect(asked).toHaveLength(1);
  expect(asked[0]?.box).toBeUndefined();
  expect(asked[0]?.points?.map(({ label }) => label)).toEqual(["foreground", "background"]);
  expect(asked[0]?.maskInput).toBeDefined();
});

test("the function of the page: outermost pixels, blended answers, nothing left alive", async () => {
  const stack = disk();
  expect(extremePoints(stack.segments[0]!)?.points?.map(({ x, y }) => [x, y])).toEqual([
    [4, 6],
    [12, 6],
    [8, 2],
    [8, 10],
  ]);
  expect(extremePoints(stack.segments[1]!)).toBeUndefined();
  const { sam, asked, alive } = leftHalfSam();
  const answers = await refineByExtremePoints(image, stack, sam, displayRange);
  expect([...answers.keys()]).toEqual([1]);
  expect(asked).toHaveLength(1);
  expect(alive()).toBe(0);
  // 0.7 of SAM's ±9 outweighs 0.3 of the network's ±2.2, so the border at x = 10 is SAM's.
  expect(
    answers
      .get(1)
      ?.mask.data.slice(6 * 20, 7 * 20)
      .join(""),
  ).toBe(`${"1".repeat(10)}${"0".repeat(10)}`);
});

test("the page shows the code that runs", () => {
  const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
  const code = read("test/examples/prompt-strategy.ts");
  const shown = [...read("docs/add-a-prompt-strategy.md").matchAll(/```ts\n([\s\S]*?)\n```/g)].map(
    ([, block]) => block!,
  );
  expect(shown).toHaveLength(3);
  for (const block of shown) expect(code).toContain(block);
});
