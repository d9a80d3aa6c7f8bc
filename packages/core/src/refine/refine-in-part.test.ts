import fc from "fast-check";
import { expect, test } from "vitest";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { Segment, SegmentStack } from "../mask/mask.ts";
import type { Prompt } from "../prompt/prompt.ts";
import { createRandom } from "../random.ts";
import type { PromptableSegmenter } from "../segmenter.ts";
import type { RefinementPlan } from "./plan.ts";
import { presetPlan } from "./presets.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { refine } from "./refine.ts";

const grid: ImageGeometry = { columns: 14, rows: 11 };
const output: ImageGeometry = { columns: 37, rows: 45 };
const displayRange = { lower: 0, upper: 255 };
const image: Image2D = { geometry: output, channels: 1, data: new Uint8Array(output.columns * output.rows) };

/** Blobs with soft borders, whose probabilities fall below the least one that a result holds. */
function softBlobs(seed: number, classes: number): SegmentStack {
  const generator = createRandom(seed);
  const random = (): number => generator.next();
  const segments = Array.from({ length: classes }, (_, index): Segment => {
    const blobs = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
      x: random() * grid.columns,
      y: random() * grid.rows,
      radius: 0.5 + random() * 4,
    }));
    const probability = Float32Array.from({ length: grid.columns * grid.rows }, (_, i) => {
      const [x, y] = [i % grid.columns, Math.floor(i / grid.columns)];
      const depth = Math.max(...blobs.map((blob) => blob.radius - Math.hypot(x - blob.x, y - blob.y)));
      return Math.min(0.99, Math.max(0.0001, 0.5 + 0.2 * depth + 0.05 * (random() - 0.5)));
    });
    const data = Uint8Array.from(probability, (value) => (value > 0.5 ? 1 : 0));
    return { number: index + 1, mask: { geometry: grid, data }, probability };
  });
  return { geometry: grid, segments };
}

/** A wavy disk around the prompt, that may lie far from what the network marks. */
function wavyAnswer(seed: number): (prompt: Prompt, x: number, y: number, on: ImageGeometry) => number {
  const generator = createRandom(seed);
  const random = (): number => generator.next();
  const [dx, dy, radius, waves] = [random() * 8 - 4, random() * 8 - 4, 2 + random() * 10, random() * 3];
  return (prompt, x, y, on) => {
    const scale = on.columns / output.columns;
    const seedPoint = prompt.points?.[0];
    const centre = prompt.box
      ? { x: (prompt.box.xMin + prompt.box.xMax) / 2, y: (prompt.box.yMin + prompt.box.yMax) / 2 }
      : { x: seedPoint?.x ?? 0, y: seedPoint?.y ?? 0 };
    const frame = output.columns / prompt.geometry.columns;
    const distance = Math.hypot(x / scale - centre.x * frame - dx, y / scale - centre.y * frame - dy);
    return Math.max(-12, Math.min(5, 1.1 * (radius - distance + waves * Math.sin(x + y))));
  };
}

const plans = fc.record({
  samWeight: fc.constantFrom(0.3, 0.7, 1),
  minimumAgreement: fc.constantFrom(0, 0.4, 0.8),
  fallback: fc.constantFrom("raw" as const, "cleaned" as const),
  fusion: fc.constantFrom("independent" as const, "arg-max-zero-background" as const, "priority" as const),
  logitThreshold: fc.constantFrom(0, 0.5, -0.5),
  rings: fc.constantFrom(undefined, [{ ring: 1, inner: 2 }]),
  accept: fc.constantFrom(undefined, { minimumPixelConfidence: 0.8 }, { minimumQuality: 0.5 }),
});

/** A segmenter that gives all logits, whatever part of them is wanted. */
function wholeAnswers(inner: PromptableSegmenter): PromptableSegmenter {
  return {
    ...inner,
    decode: (embedding, prompts, options) => inner.decode(embedding, prompts, { ...options, logits: "whole" }),
  };
}

test("masks, probabilities, outcomes and ignored pixels are the same whether a class is looked at in part or as a whole", async () => {
  await fc.assert(
    fc.asyncProperty(
      plans,
      fc.constantFrom("ours", "ours-components", "scb-asRun", "msd-box"),
      fc.integer({ min: 1, max: 1e6 }),
      fc.integer({ min: 2, max: 4 }),
      async (choices, preset, seed, classes) => {
        const changes = Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== undefined));
        const plan = { ...presetPlan(preset), ...changes } as RefinementPlan;
        const initial = softBlobs(seed, classes);
        const segmenter = () => recordingSegmenter(wavyAnswer(seed));
        const whole = await refine(image, initial, plan, wholeAnswers(segmenter()), { displayRange });
        for (const probabilities of [false, true]) {
          const part = await refine(image, initial, plan, segmenter(), { displayRange, probabilities });
          for (const [index, { mask, probability }] of whole.stack.segments.entries()) {
            const found = part.stack.segments[index];
            expect(found?.mask.data).toEqual(mask.data);
            if (probabilities) expect(found?.probability).toEqual(probability);
          }
          expect(part.ignore?.data).toEqual(whole.ignore?.data);
          expect(part.outcomes).toEqual(whole.outcomes);
        }
      },
    ),
    { numRuns: 150 },
  );
});
