import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isRefineError, type RefineErrorCode } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { Mask, Segment, SegmentStack } from "../mask/mask.ts";
import { anyMask, drawMask, rectangleMask, showMask } from "../mask/masks.fixture.ts";
import { emptyMask, maskArea, maskBox } from "../mask/measure.ts";
import type { BoxPrompt, Prompt } from "../prompt/prompt.ts";
import type { Progress } from "../task.ts";
import { derivePrompts } from "./derive-prompts.ts";
import { probabilitiesOf } from "./fuse-logits.ts";
import { maskOfPatch } from "./logit-patch.ts";
import type { RefinementPlan } from "./plan.ts";
import { presetPlan, refinementPresets } from "./presets.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { refine } from "./refine.ts";
import type { RefinementResult } from "./result.ts";

const grid: ImageGeometry = { columns: 16, rows: 16 };
const displayRange = { lower: 0, upper: 255 };

const imageOf = (geometry: ImageGeometry): Image2D => ({
  geometry,
  channels: 1,
  data: new Uint8Array(geometry.columns * geometry.rows),
});

/** A class with the given probability inside its mask and 0.1 outside. */
function segment(number: number, mask: Mask, inside = 0.9): Segment {
  return { number, mask, probability: Float32Array.from(mask.data, (value) => (value === 1 ? inside : 0.1)) };
}

const stackOf = (...segments: Segment[]): SegmentStack => ({
  geometry: segments[0]?.mask.geometry ?? grid,
  segments,
});

const rectangle = (xMin: number, yMin: number, xMax: number, yMax: number, geometry = grid) =>
  rectangleMask(geometry, { xMin, yMin, xMax, yMax });

/** Answers with the prompt's box, grown by `growth` pixels. */
const boxAnswer =
  (growth = 0) =>
  ({ box }: Prompt, x: number, y: number) =>
    box !== undefined &&
    x >= box.xMin - growth &&
    x <= box.xMax + growth &&
    y >= box.yMin - growth &&
    y <= box.yMax + growth
      ? 4
      : -4;

const plan = (changes: Partial<RefinementPlan>): RefinementPlan => ({ ...presetPlan("msd-box"), ...changes });

async function failure(run: Promise<unknown>, code: RefineErrorCode): Promise<Error & { details: object }> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isRefineError(error, code)) throw new Error(`expected ${code}, found ${String(error)}`);
  return error;
}

describe("refine without SAM", () => {
  const one = stackOf(segment(1, drawMask("##..#", "##...", "....."), 0.8));

  test("raw is the network's own mask, and the segmenter is never touched", async () => {
    const untouchable = recordingSegmenter(() => {
      throw new Error("asked");
    });
    const result = await refine(imageOf(one.geometry), one, presetPlan("raw"), untouchable, { displayRange });
    expect(result.stack.segments[0]?.mask.data).toEqual(one.segments[0]?.mask.data);
    expect(result.outcomes.get(1)).toMatchObject({ kind: "kept-initial", reason: "plan-without-sam", prompts: [] });
    expect(untouchable.encodes).toHaveLength(0);
  });

  test("clean-up needs no segmenter and drops the speck, in the probability as well", async () => {
    const cleanup = {
      ...presetPlan("cleanup"),
      cleanUp: [{ kind: "component", keep: "largest", minimumArea: 2 }],
    } as const;
    const result = await refine(imageOf(one.geometry), one, cleanup, undefined, { displayRange });
    const found = result.stack.segments[0];
    expect(found && showMask(found.mask)).toEqual(["##...", "##...", "....."]);
    expect(found?.probability?.[4]).toBeCloseTo(0.2, 5);
    expect(found?.probability?.[0]).toBeCloseTo(0.8, 5);
  });

  test("the output grid may be the image's: enlarged masks keep their place", async () => {
    const mask = rectangle(4, 4, 11, 7);
    const geometry = { columns: 64, rows: 32 };
    const result = await refine(imageOf(geometry), stackOf(segment(3, mask)), presetPlan("raw"), undefined, {
      displayRange,
    });
    expect(result.stack.geometry).toBe(geometry);
    const box = result.stack.segments[0] && maskBox(result.stack.segments[0].mask);
    expect(box).toEqual({ xMin: 16, yMin: 8, xMax: 47, yMax: 15 });
  });

  test("hands out the logits of present classes where they are asked for, positive on the mask", async () => {
    const stack = stackOf(...one.segments, segment(2, drawMask(".....", ".....", ".....")));
    const [image, plan] = [imageOf(stack.geometry), presetPlan("raw")];
    const asked = await refine(image, stack, plan, undefined, { displayRange, logits: true });
    expect(asked.logits?.size).toBe(1);
    for (const { number, mask } of asked.stack.segments) {
      const patch = asked.logits?.get(number);
      expect(patch ? maskOfPatch(patch, mask.geometry).data : emptyMask(mask.geometry).data).toEqual(mask.data);
    }
    expect((await refine(image, stack, plan, undefined, { displayRange })).logits).toBeUndefined();
  });

  test("masks alone are the masks that come with probabilities, on a finer grid too", async () => {
    const stack = stackOf(one.segments[0]!, segment(2, drawMask(".....", ".##..", ".#..#"), 0.7));
    const image = imageOf({ columns: 23, rows: 11 });
    const whole = await refine(image, stack, presetPlan("raw"), undefined, { displayRange });
    const masks = await refine(image, stack, presetPlan("raw"), undefined, { displayRange, probabilities: false });
    expect(masks.stack.segments).toEqual(whole.stack.segments.map(({ number, mask }) => ({ number, mask })));
    expect(masks.stack.segments.every(({ mask }) => mask.data.includes(1))).toBe(true);
  });

  test("logits of a network say the same as its probabilities, where they are out of bounds or not numbers too", async () => {
    const logits = [
      [-40, -3, 0.2, 5, 60, 2, -0.1, -7],
      [-9, -8, -1, -2, -3, -4, -5, Number.NaN],
      [1, 2, 3, 4, -1.1, -2.3, -3.2, Number.NEGATIVE_INFINITY],
    ].map((values) => Float32Array.from(values));
    const geometry = { columns: 4, rows: 2 };
    const mask = emptyMask(geometry);
    const image = imageOf({ columns: 13, rows: 9 });
    for (const probabilityThreshold of [0.5, 0.7]) {
      const [asLogits, asProbabilities] = await Promise.all(
        [
          logits.map((own, index) => ({ number: index + 1, mask, logits: own })),
          logits.map((own, index) => ({ number: index + 1, mask, probability: probabilitiesOf(own) })),
        ].map((segments) =>
          refine(image, { geometry, segments }, { ...presetPlan("raw"), probabilityThreshold }, undefined, {
            displayRange,
            probabilities: false,
          }),
        ),
      );
      expect(asLogits!.stack).toEqual(asProbabilities!.stack);
      expect([...asLogits!.outcomes.values()].map(({ kind }) => kind)).toEqual([
        "kept-initial",
        "absent",
        "kept-initial",
      ]);
      for (const [number, outcome] of asLogits!.outcomes) {
        const other = asProbabilities!.outcomes.get(number);
        if (outcome.kind === "absent" || other?.kind !== outcome.kind) continue;
        expect(outcome.quality.value).toBeCloseTo(other.quality.value, 6);
      }
    }
  });

  test("a ring around a class that is not there is asked about alike from logits and from probabilities", async () => {
    const logits = [
      [-4, 3, 4, -2],
      [-6, -3, -40, -0.5],
    ].map((values) => Float32Array.from(values));
    const geometry = { columns: 4, rows: 1 };
    const mask = emptyMask(geometry);
    const ringPlan = { ...presetPlan("ours"), cleanUp: [], rings: [{ ring: 1, inner: 2 }] };
    const asked = await Promise.all(
      [
        logits.map((own, index) => ({ number: index + 1, mask, logits: own })),
        logits.map((own, index) => ({ number: index + 1, mask, probability: probabilitiesOf(own) })),
      ].map(async (segments) => {
        const sam = recordingSegmenter(boxAnswer());
        await refine(imageOf(geometry), { geometry, segments }, ringPlan, sam, { displayRange });
        return sam.decodes[0]?.prompts[0]?.maskInput?.data ?? [];
      }),
    );
    // Not the network's -2: the inner class may be there sooner.
    expect(asked[0]?.[3]).toBe(-0.5);
    for (const [i, value] of [...(asked[0] ?? [])].entries()) expect(value).toBeCloseTo(asked[1]?.[i] ?? Number.NaN, 4);
  });

  test("a copy of a segment holds the probability, which is made once and 0 where it is hardly there", async () => {
    const mask = drawMask("##.#");
    const probability = Float32Array.of(0.9, 0.6, 0.003, 0.0015);
    const stack: SegmentStack = { geometry: mask.geometry, segments: [{ number: 1, mask, probability }] };
    const result = await refine(imageOf(mask.geometry), stack, presetPlan("raw"), undefined, { displayRange });
    const [found] = result.stack.segments;
    expect(found?.probability).toBe(found?.probability);
    const copy: Partial<Segment> = { ...found };
    expect([...(copy.probability ?? [])].map((value) => Number(value.toFixed(5)))).toEqual([0.9, 0.6, 0.003, 0]);
  });

  test("on its own grid raw is the identity, whatever the probabilities", async () => {
    await fc.assert(
      fc.asyncProperty(anyMask(), fc.constantFrom(0.51, 0.9, 1), async (mask, inside) => {
        const result = await refine(
          imageOf(mask.geometry),
          stackOf(segment(1, mask, inside)),
          presetPlan("raw"),
          undefined,
          {
            displayRange,
          },
        );
        expect(result.stack.segments[0]?.mask.data).toEqual(mask.data);
      }),
    );
  });

  test("a class that is not there is absent: an empty mask, no prompt, no quality", async () => {
    const sam = recordingSegmenter(boxAnswer());
    const result = await refine(imageOf(grid), stackOf(segment(2, rectangle(0, 0, 0, 0), 0.2)), plan({}), sam, {
      displayRange,
    });
    expect(result.outcomes.get(2)).toEqual({ kind: "absent" });
    expect(result.stack.segments[0] && maskArea(result.stack.segments[0].mask)).toBe(0);
    expect(sam.encodes).toHaveLength(0);
  });

  test("soft Dice ranks a hesitant network below a sure one, and stays within 0..1", async () => {
    const quality = async (inside: number) => {
      const stack = stackOf(segment(1, rectangle(4, 4, 9, 9), inside));
      const result = await refine(imageOf(grid), stack, presetPlan("raw"), undefined, { displayRange });
      const outcome = result.outcomes.get(1);
      return outcome?.kind === "kept-initial" ? outcome.quality : undefined;
    };
    const [sure, hesitant] = [await quality(1), await quality(0.55)];
    expect(sure?.method).toBe("soft-dice");
    expect(sure?.value).toBeGreaterThan(hesitant?.value ?? 1);
    expect(sure?.value).toBeLessThanOrEqual(1);
    // 36 pixels of 0.55 and 220 of 0.1.
    expect(hesitant?.value).toBeCloseTo((2 * 36 * 0.55) / (36 * 0.55 + 22 + 36), 5);
  });
});

describe("refine with SAM", () => {
  const left = rectangle(1, 4, 5, 9);
  const right = rectangle(9, 4, 13, 9);
  const two = stackOf(segment(1, left), segment(2, right));

  test("asks about all classes of a pass in one call and returns the answers", async () => {
    const sam = recordingSegmenter(boxAnswer());
    const result = await refine(imageOf(grid), two, plan({}), sam, { displayRange });
    expect(sam.encodes).toHaveLength(1);
    expect(sam.encodes[0]?.displayRange).toEqual(displayRange);
    expect(sam.decodes).toHaveLength(1);
    expect(sam.decodes[0]?.prompts.map(({ segment: number, box }) => [number, box])).toEqual([
      [1, { xMin: 1, yMin: 4, xMax: 5, yMax: 9 }],
      [2, { xMin: 9, yMin: 4, xMax: 13, yMax: 9 }],
    ]);
    expect(result.stack.segments.map(({ mask }) => mask.data)).toEqual([left.data, right.data]);
    expect(result.outcomes.get(1)).toMatchObject({
      kind: "refined",
      agreement: 1,
      predictedIou: 0.9,
      quality: { value: 1.8 / 1.9, method: "predicted-iou-as-dice" },
    });
    expect(sam.embeddings.map(({ disposed }) => disposed)).toEqual([1]);
  });

  test("the burden plan: box first, then centroids with the first answer as mask prompt", async () => {
    const sam = recordingSegmenter(() => 1);
    const image = imageOf({ columns: 40, rows: 40 });
    const result = await refine(image, two, presetPlan("scb-asRun"), sam, { displayRange });
    expect(sam.decodes.map(({ options }) => options?.maskChoice)).toEqual(["token0", "token0"]);
    expect(sam.decodes.map(({ options }) => options?.outputGeometry)).toEqual([grid, image.geometry]);
    const [first, second] = sam.decodes.map(({ prompts }) => prompts);
    expect(first?.every(({ box, points, maskInput }) => box && !points && !maskInput)).toBe(true);
    // (1 + 5) / 2 = 3 and (4 + 9) / 2 = 6.5, which rounds to the even 6.
    expect(second?.map(({ points }) => points)).toEqual([
      [
        { x: 3, y: 6, label: "foreground" },
        { x: 11, y: 6, label: "background" },
      ],
      [
        { x: 11, y: 6, label: "foreground" },
        { x: 3, y: 6, label: "background" },
      ],
    ]);
    expect(second?.map(({ box }) => box)).toEqual([undefined, undefined]);
    expect(second?.map(({ maskInput }) => [...(maskInput?.data ?? [])])).toEqual([[100], [101]]);
    expect(result.outcomes.get(2)).toMatchObject({ kind: "refined", prompts: [first?.[1], second?.[1]] });
  });

  test("one class alone has no background point, and nothing breaks", async () => {
    const sam = recordingSegmenter(() => 1);
    await refine(imageOf(grid), stackOf(segment(1, left)), presetPlan("scb-asRun"), sam, { displayRange });
    expect(sam.decodes[1]?.prompts[0]?.points).toEqual([{ x: 3, y: 6, label: "foreground" }]);
  });

  test("a class inside another has no seed: it is kept and is no background for the other (parity vector 7)", async () => {
    const sam = recordingSegmenter(boxAnswer());
    const stack = stackOf(segment(1, rectangle(6, 6, 8, 8)), segment(2, rectangle(4, 4, 10, 11)));
    const result = await refine(imageOf(grid), stack, presetPlan("scb-asRun"), sam, { displayRange });
    expect(result.outcomes.get(1)).toMatchObject({ kind: "kept-initial", reason: "no-prompt", prompts: [] });
    expect(result.stack.segments[0]?.mask.data).toEqual(stack.segments[0]?.mask.data);
    expect(sam.decodes[1]?.prompts).toHaveLength(1);
    expect(sam.decodes[1]?.prompts[0]?.points?.filter(({ label }) => label === "background")).toEqual([]);
  });

  test("blends logits by weight", async () => {
    const sam = recordingSegmenter(() => 2);
    const options = { displayRange };
    const blended = await refine(imageOf(grid), stackOf(segment(1, left, 0.9)), plan({ samWeight: 0.7 }), sam, options);
    const probability = blended.stack.segments[0]?.probability;
    const expected = (z: number) => 1 / (1 + Math.exp(-(0.7 * 2 + 0.3 * z)));
    expect(probability?.[5 * 16 + 3]).toBeCloseTo(expected(Math.log(9)), 5);
    expect(probability?.[0]).toBeCloseTo(expected(-Math.log(9)), 5);
    const opinion = await refine(imageOf(grid), stackOf(segment(1, left, 0.9)), plan({ samWeight: 0 }), sam, options);
    expect(opinion.stack.segments[0]?.mask.data).toEqual(left.data);
  });

  test("keeps the initial mask where SAM disagrees; raw and cleaned differ as the plan says", async () => {
    const speck = rectangleMask(grid, { xMin: 1, yMin: 4, xMax: 5, yMax: 9 }, { xMin: 15, yMin: 0, xMax: 15, yMax: 0 });
    const stack = stackOf(segment(1, speck));
    const gate = plan({
      minimumAgreement: 0.8,
      cleanUp: [{ kind: "component", keep: "largest", minimumArea: 0 }],
    });
    const sam = recordingSegmenter(boxAnswer(3));
    const cleaned = await refine(imageOf(grid), stack, { ...gate, fallback: "cleaned" }, sam, { displayRange });
    expect(cleaned.outcomes.get(1)).toMatchObject({
      kind: "kept-initial",
      reason: "below-agreement",
      quality: { method: "soft-dice" },
    });
    expect(cleaned.stack.segments[0]?.mask.data).toEqual(left.data);
    const raw = await refine(imageOf(grid), stack, { ...gate, fallback: "raw" }, sam, { displayRange });
    expect(raw.stack.segments[0]?.mask.data).toEqual(speck.data);
    const ungated = await refine(imageOf(grid), stack, { ...gate, minimumAgreement: 0 }, sam, { displayRange });
    expect(ungated.outcomes.get(1)?.kind).toBe("refined");
  });

  test("an empty answer is refused without a gate", async () => {
    const result = await refine(
      imageOf(grid),
      two,
      plan({}),
      recordingSegmenter(() => -1),
      { displayRange },
    );
    expect(result.outcomes.get(1)).toMatchObject({ kind: "kept-initial", reason: "sam-returned-empty" });
    expect(result.stack.segments[0]?.mask.data).toEqual(left.data);
  });

  test("ours: box of 5 %, thickest point, other classes' seeds, the network's logits as mask prompt", async () => {
    const sam = recordingSegmenter(boxAnswer());
    const result = await refine(imageOf(grid), two, presetPlan("ours"), sam, { displayRange });
    const prompt = sam.decodes[0]?.prompts[0];
    expect(prompt?.box).toEqual({ xMin: 0.75, yMin: 3.7, xMax: 5.25, yMax: 9.3 });
    expect(prompt?.points).toEqual([
      { x: 3, y: 6, label: "foreground" },
      { x: 11, y: 6, label: "background" },
    ]);
    expect(prompt?.maskInput?.data[5 * 16 + 3]).toBeCloseTo(Math.log(9), 5);
    expect(result.outcomes.get(1)).toMatchObject({ kind: "refined", quality: { method: "soft-dice" } });
  });

  test("a class of which clean-up leaves nothing is absent, or stays as the network has it where the plan says so", async () => {
    const stack = stackOf(
      segment(1, rectangle(2, 2, 3, 3)),
      segment(2, rectangle(6, 6, 12, 12)),
      segment(3, emptyMask(grid)),
    );
    const cleanUp = [{ kind: "component", keep: "all", minimumArea: 9 }] as const;
    const run = (changes: Partial<RefinementPlan>) =>
      refine(imageOf(grid), stack, plan({ cleanUp, ...changes }), recordingSegmenter(boxAnswer()), { displayRange });
    const areas = (result: RefinementResult) => result.stack.segments.map(({ mask }) => maskArea(mask));
    const gone = await run({});
    expect(areas(gone)).toEqual([0, 49, 0]);
    const kept = await run({ absent: "raw" });
    expect(areas(kept)).toEqual([4, 49, 0]);
    expect([1, 2, 3].map((number) => kept.outcomes.get(number))).toMatchObject([
      { kind: "kept-initial", reason: "cleaned-away", prompts: [] },
      { kind: "refined" },
      { kind: "absent" },
    ]);
    expect(areas(await run({ exceptions: [{ segments: [1], absent: "raw" }] }))).toEqual([4, 49, 0]);
  });

  test("ours-box: a box of 5 % and nothing else, blended; the raw mask where SAM disagrees", async () => {
    const stack = stackOf(segment(1, drawMask("......", ".####.", ".####.", ".####.", ".####.", "......")));
    const plan = { ...presetPlan("ours-box"), cleanUp: [] };
    const sam = recordingSegmenter(boxAnswer());
    const result = await refine(imageOf(stack.geometry), stack, plan, sam, { displayRange });
    expect(sam.decodes.map(({ prompts }) => prompts)).toEqual([
      [{ segment: 1, geometry: stack.geometry, box: { xMin: 0.8, yMin: 0.8, xMax: 4.2, yMax: 4.2 } }],
    ]);
    expect(result.outcomes.get(1)).toMatchObject({ kind: "refined", agreement: 1 });
    // 0.7 of SAM's logit and 0.3 of the network's.
    const p = 1 / (1 + Math.exp(-(0.7 * 4 + 0.3 * Math.log(9))));
    expect(result.stack.segments[0]?.probability?.[7]).toBeCloseTo(p, 5);
    const elsewhere = recordingSegmenter((_, x) => (x < 3 ? 4 : -4));
    const kept = await refine(imageOf(stack.geometry), stack, plan, elsewhere, { displayRange });
    expect(kept.outcomes.get(1)).toMatchObject({ kind: "kept-initial", reason: "below-agreement" });
    expect(kept.stack.segments[0]?.mask.data).toEqual(stack.segments[0]?.mask.data);
  });

  test("per component: every object gets its own prompt, the answers are united", async () => {
    const teeth = rectangleMask(grid, { xMin: 1, yMin: 2, xMax: 3, yMax: 5 }, { xMin: 8, yMin: 2, xMax: 12, yMax: 6 });
    const sam = recordingSegmenter(boxAnswer());
    const result = await refine(imageOf(grid), stackOf(segment(1, teeth)), presetPlan("msd-boxPerComponent"), sam, {
      displayRange,
    });
    expect(sam.decodes[0]?.prompts.map(({ box }) => box?.xMin)).toEqual([1, 8]);
    expect(result.stack.segments[0]?.mask.data).toEqual(teeth.data);
  });

  test("a component that another class covers keeps the network's opinion", async () => {
    const teeth = rectangleMask(grid, { xMin: 1, yMin: 2, xMax: 3, yMax: 9 }, { xMin: 8, yMin: 2, xMax: 12, yMax: 6 });
    const stack = stackOf(segment(1, teeth), segment(2, rectangle(8, 2, 12, 7)));
    const sam = recordingSegmenter(({ maskInput }, x, y) => (maskInput?.data[y * 16 + x] ?? -1) * 2);
    const result = await refine(imageOf(grid), stack, presetPlan("ours-components"), sam, { displayRange });
    expect(sam.decodes[0]?.prompts.map((prompt) => prompt.segment)).toEqual([1, 2]);
    expect(result.stack.segments[0]?.mask.data).toEqual(teeth.data);
  });

  test("a ring is asked about with its filling, and the filling is cut out", async () => {
    const cavity = rectangle(6, 6, 9, 9);
    const outer = rectangle(4, 4, 11, 11);
    const wall: Mask = { geometry: grid, data: outer.data.map((value, i) => value - (cavity.data[i] ?? 0)) };
    const sam = recordingSegmenter(boxAnswer());
    const stack = stackOf(segment(1, wall), segment(2, cavity));
    const rings = [{ ring: 1, inner: 2 }];
    const result = await refine(imageOf(grid), stack, { ...presetPlan("ours"), rings }, sam, { displayRange });
    const [ringPrompt, cavityPrompt] = sam.decodes[0]?.prompts ?? [];
    expect(ringPrompt?.points?.map(({ label }) => label)).toEqual(["foreground"]);
    expect(ringPrompt?.maskInput?.data[7 * 16 + 7]).toBeCloseTo(Math.log(9), 5);
    expect(cavityPrompt?.points?.map(({ label }) => label)).toEqual(["foreground", "background"]);
    expect(result.stack.segments[0]?.mask.data).toEqual(wall.data);
    expect(result.stack.segments[1]?.mask.data).toEqual(cavity.data);
    const error = await failure(
      refine(imageOf(grid), stack, { ...presetPlan("ours"), rings: [{ ring: 1, inner: 7 }] }, sam, { displayRange }),
      "invalid-plan",
    );
    expect(error.message).toMatch(/segment 7/);
  });

  test("exclusive fusion: the larger logit wins, zero is background", async () => {
    const sam = recordingSegmenter(({ segment: number }, x) => (number === 1 ? 8 - x : x - 11));
    const result = await refine(imageOf(grid), two, plan({ fusion: "arg-max-zero-background" }), sam, { displayRange });
    const row = result.stack.segments.map(({ mask }) => showMask(mask)[0]);
    expect(row).toEqual(["########........", "............####"]);
    const mean = await refine(imageOf(grid), two, plan({ fusion: "arg-max-mean-background" }), sam, { displayRange });
    // The mean of 8 - x and x - 11 is -1.5 everywhere, so the background is 2.5.
    expect(mean.stack.segments.map(({ mask }) => showMask(mask)[0])).toEqual(["######..........", "..............##"]);
  });

  test("pixel centres: prompts in the image's frame, the box to the far sides of its pixels", () => {
    const pixelCentre = { ...presetPlan("msd-boxCentre"), coordinates: "pixel-centre" } as const;
    const image = { columns: 64, rows: 32 };
    const [prompt] = derivePrompts(stackOf(segment(1, rectangle(4, 4, 6, 6))), pixelCentre, image);
    expect(prompt?.geometry).toBe(image);
    expect(prompt?.points).toEqual([{ x: 21.5, y: 10.5, label: "foreground" }]);
    expect(prompt?.box).toEqual({ xMin: 15.5, yMin: 7.5, xMax: 27.5, yMax: 13.5 });
  });

  test("random prompts repeat with the seed and change with it", () => {
    const stack = stackOf(segment(1, rectangle(2, 2, 13, 13)));
    const draw = (seed: number) =>
      derivePrompts(
        stack,
        plan({
          seed,
          passes: [
            {
              foreground: "random",
              foregroundCount: 3,
              background: "random",
              backgroundCount: 2,
              maskInput: "none",
              maskScale: 1,
            },
          ],
        }),
        grid,
      )[0]?.points ?? [];
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    for (const { x, y, label } of draw(5)) {
      expect(stack.segments[0]?.mask.data[y * 16 + x]).toBe(label === "foreground" ? 1 : 0);
    }
    expect(draw(5)).toHaveLength(5);
  });

  test("the agreement preset scores and does not touch", async () => {
    const sam = recordingSegmenter((_, x, y) => (x >= 1 && x <= 5 && y >= 4 && y <= 11 ? 1 : -1));
    const result = await refine(imageOf(grid), stackOf(segment(1, left)), presetPlan("scb-agreement"), sam, {
      displayRange,
    });
    const agreement = (2 * 30) / (30 + 40);
    expect(result.outcomes.get(1)).toMatchObject({ agreement, quality: { value: agreement, method: "agreement" } });
    expect(result.stack.segments[0]?.mask.data).toEqual(left.data);
    expect(sam.decodes[0]?.prompts[0]?.points).toEqual([
      { x: 1, y: 4, label: "foreground" },
      { x: 0, y: 0, label: "background" },
    ]);
  });

  test("the most probable pixel is asked about though another class claims it; other seeds are of one class alone", () => {
    const shared = rectangle(4, 4, 6, 6);
    const first = segment(1, rectangle(2, 2, 6, 6));
    const second = segment(2, shared);
    first.probability?.fill(0.95, 5 * 16 + 5, 5 * 16 + 6);
    const pointsBy = (foreground: "arg-max-probability" | "distance-transform-maximum") =>
      derivePrompts(
        stackOf(first, second),
        plan({ passes: [{ foreground, maskInput: "none", maskScale: 1 }] }),
        grid,
      ).map(({ segment: number, points }) => [number, points?.map(({ x, y }) => [x, y])]);
    expect(pointsBy("arg-max-probability")).toEqual([
      [1, [[5, 5]]],
      [2, [[4, 4]]],
    ]);
    expect(pointsBy("distance-transform-maximum").map(([number]) => number)).toEqual([1]);
  });

  test("mirroring the initial masks mirrors boxes and thickest points", () => {
    const mirrorX = (mask: Mask): Mask => ({
      geometry: mask.geometry,
      data: mask.data.map((_, i) => {
        const column = i % mask.geometry.columns;
        return mask.data[i - column + mask.geometry.columns - 1 - column] ?? 0;
      }),
    });
    fc.assert(
      fc.property(anyMask(), (mask) => {
        const boxOf = (m: Mask): BoxPrompt | undefined =>
          derivePrompts(stackOf({ number: 1, mask: m }), presetPlan("msd-box"), m.geometry)[0]?.box;
        const [box, mirrored] = [boxOf(mask), boxOf(mirrorX(mask))];
        const last = mask.geometry.columns - 1;
        expect(mirrored).toEqual(box && { ...box, xMin: last - box.xMax, xMax: last - box.xMin });
      }),
    );
  });
});

describe("refine as a task", () => {
  const stack = stackOf(segment(1, rectangle(3, 3, 9, 9)), segment(2, rectangle(11, 11, 13, 13)));

  test("the same signal reaches encode and every decode", async () => {
    const { signal } = new AbortController();
    const sam = recordingSegmenter(boxAnswer());
    await refine(imageOf(grid), stack, presetPlan("scb-asRun"), sam, { displayRange, signal });
    const seen = [...sam.encodes, ...sam.decodes.map(({ options }) => options)].map((options) => options?.signal);
    expect(seen).toHaveLength(3);
    for (const one of seen) expect(one).toBe(signal);
  });

  test("aborting between passes rejects with the reason and disposes the embedding", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const sam = recordingSegmenter(boxAnswer(), { onDecode: () => controller.abort(reason) });
    const run = refine(imageOf(grid), stack, presetPlan("scb-asRun"), sam, { displayRange, signal: controller.signal });
    await expect(run).rejects.toBe(reason);
    expect(sam.decodes).toHaveLength(1);
    expect(sam.embeddings[0]?.disposed).toBe(1);
    const before = refine(imageOf(grid), stack, presetPlan("raw"), undefined, {
      displayRange,
      signal: controller.signal,
    });
    await expect(before).rejects.toBe(reason);
  });

  test("a given embedding is used and left alive", async () => {
    const sam = recordingSegmenter(boxAnswer());
    let disposed = 0;
    const embedding = {
      geometry: grid,
      origin: "cache" as const,
      async dispose() {
        disposed++;
      },
    };
    await refine(imageOf(grid), stack, plan({}), sam, { displayRange, embedding });
    expect(sam.encodes).toHaveLength(0);
    expect(sam.decodes[0]?.embedding).toBe(embedding);
    expect(disposed).toBe(0);
  });

  test("progress never goes back and ends at its total", async () => {
    const events: Progress[] = [];
    const sam = recordingSegmenter(boxAnswer());
    await refine(imageOf(grid), stack, presetPlan("scb-asRun"), sam, {
      displayRange,
      onProgress: (p) => events.push(p),
    });
    expect(events.map(({ completed }) => completed)).toEqual([0, 2, 4]);
    expect(new Set(events.map(({ total }) => total))).toEqual(new Set([4]));
  });

  test("a missing capability is named before anything is encoded", async () => {
    for (const [capability, preset] of [
      ["box", "msd-box"],
      ["backgroundPoints", "ours"],
      ["maskInput", "ours"],
      ["singleMaskToken", "scb-asRun"],
    ] as const) {
      const sam = recordingSegmenter(boxAnswer(), { capabilities: { [capability]: false } });
      const error = await failure(
        refine(imageOf(grid), stack, presetPlan(preset), sam, { displayRange }),
        "missing-capability",
      );
      expect(error.details).toMatchObject({ capability });
      expect(sam.encodes).toHaveLength(0);
    }
  });

  test("what a model without the single-mask token says no to, it does by the advice it gives", async () => {
    const sam = recordingSegmenter(boxAnswer(), { capabilities: { singleMaskToken: false, maskInput: false } });
    const asked = refine(imageOf(grid), stack, presetPlan("propagate-medsam"), sam, { displayRange });
    expect(await failure(asked, "missing-capability")).toMatchObject({
      hint: expect.stringMatching(/maskChoice "auto"/),
    });
    await refine(imageOf(grid), stack, presetPlan("propagate-sam2"), sam, { displayRange });
    expect(sam.decodes[0]?.options?.maskChoice).toBe("auto");
  });

  test("refuses a plan with passes and no SAM, doubled numbers and arrays of another size", async () => {
    const image = imageOf(grid);
    await failure(refine(image, stack, plan({}), undefined, { displayRange }), "configuration");
    const doubled = stackOf(segment(1, rectangle(0, 0, 1, 1)), segment(1, rectangle(3, 3, 4, 4)));
    await failure(refine(image, doubled, presetPlan("raw"), undefined, { displayRange }), "configuration");
    const short = { geometry: grid, segments: [{ number: 1, mask: { geometry: grid, data: new Uint8Array(3) } }] };
    await failure(refine(image, short, presetPlan("raw"), undefined, { displayRange }), "shape-mismatch");
  });

  test("no input of any shape breaks a preset or yields NaN: one pixel, one row, full, empty, overlapping, NaN", async () => {
    const value = fc.constantFrom(0, 0.2, 0.6, 1, Number.NaN);
    const input = fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 7 }), fc.constantFrom(1, 2, 3))
      .chain(([columns, rows, classes]) =>
        fc.tuple(
          fc.constant({ columns, rows }),
          fc.array(fc.array(value, { minLength: columns * rows, maxLength: columns * rows }), {
            minLength: classes,
            maxLength: classes,
          }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(
        input,
        fc.constantFrom(...refinementPresets.values()),
        fc.constantFrom(-2, 0, 3),
        async ([geometry, maps], preset, constant) => {
          const segments = maps.map((map, i) => ({
            number: i + 1,
            mask: { geometry, data: new Uint8Array(map.length) },
            probability: Float32Array.from(map),
          }));
          const sam = recordingSegmenter((prompt, x, y) => boxAnswer()(prompt, x, y) + constant);
          const output = { columns: 9, rows: 5 };
          const result = await refine(imageOf(output), { geometry, segments }, preset, sam, { displayRange });
          for (const { number, mask, probability } of result.stack.segments) {
            expect(mask.data).toHaveLength(45);
            expect(probability?.every((p) => p >= 0 && p <= 1)).toBe(true);
            const outcome = result.outcomes.get(number);
            if (outcome?.kind === "absent") expect(maskArea(mask)).toBe(0);
            else {
              expect(outcome?.quality.value).toBeGreaterThanOrEqual(0);
              expect(outcome?.quality.value).toBeLessThanOrEqual(1);
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test("every preset runs end to end and yields one outcome and one mask per class", async () => {
    for (const preset of refinementPresets.values()) {
      const result = await refine(imageOf(grid), stack, preset, recordingSegmenter(boxAnswer()), {
        displayRange,
        probabilities: false,
      });
      expect([...result.outcomes.keys()]).toEqual([1, 2]);
      for (const { mask, probability } of result.stack.segments) {
        expect(mask.data).toHaveLength(256);
        expect(probability).toBeUndefined();
      }
      expect(result.planId).toBe(preset.id);
    }
  });
});
