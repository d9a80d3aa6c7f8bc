import { describe, expect, test } from "vitest";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import { marginLogits } from "../mask/margin-logits.ts";
import type { Mask, Segment, SegmentStack } from "../mask/mask.ts";
import { rectangleMask, showMask } from "../mask/masks.fixture.ts";
import { maskAbove, maskArea } from "../mask/measure.ts";
import { selectComponent } from "../mask/select-component.ts";
import type { Prompt } from "../prompt/prompt.ts";
import { derivePrompts } from "./derive-prompts.ts";
import type { RefinementPlan } from "./plan.ts";
import { presetPlan } from "./presets.ts";
import { predictQuality } from "./quality-model.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { refine } from "./refine.ts";
import { refineVolume } from "./refine-volume.ts";
import type { RefinementResult, SegmentOutcome } from "./result.ts";

const grid: ImageGeometry = { columns: 16, rows: 16 };
const displayRange = { lower: 0, upper: 255 };
const black: Image2D = { geometry: grid, channels: 1, data: new Uint8Array(256) };

const rectangle = (xMin: number, yMin: number, xMax: number, yMax: number) =>
  rectangleMask(grid, { xMin, yMin, xMax, yMax });

const segment = (number: number, mask: Mask, inside = 0.9): Segment => ({
  number,
  mask,
  probability: Float32Array.from(mask.data, (value) => (value === 1 ? inside : 0.1)),
});
const stackOf = (...segments: Segment[]): SegmentStack => ({ geometry: grid, segments });
const one = stackOf(segment(1, rectangle(4, 4, 9, 9)));

const plan = (changes: Partial<RefinementPlan>): RefinementPlan => ({ ...presetPlan("msd-box"), ...changes });

const boxAnswer =
  (growth = 0, inside = 4) =>
  ({ box }: Prompt, x: number, y: number) =>
    box !== undefined &&
    x >= box.xMin - growth &&
    x <= box.xMax + growth &&
    y >= box.yMin - growth &&
    y <= box.yMax + growth
      ? inside
      : -inside;

function outcomeOf(result: RefinementResult, number = 1): Exclude<SegmentOutcome, { kind: "absent" }> {
  const outcome = result.outcomes.get(number);
  if (outcome === undefined || outcome.kind === "absent") throw new Error(`class ${number} is absent`);
  return outcome;
}

describe("classes that exclude each other, as of a softmax", () => {
  /** Two rows of one pixel of the network each: background, class 1 and class 2 are within 0.4 of each other. */
  const two: ImageGeometry = { columns: 4, rows: 2 };
  const background = [0.3, 0.3, 0.4, 0.1, 0.3, 0.3, 0.4, 0.1];
  const first = [0.45, 0.4, 0.3, 0.1, 0.45, 0.4, 0.3, 0.1];
  const second = [0.25, 0.3, 0.3, 0.8, 0.25, 0.3, 0.3, 0.8];
  const logarithm = (values: readonly number[]) => Float32Array.from(values, Math.log);
  const margins = marginLogits([background, first, second].map(logarithm));
  const stack: SegmentStack = {
    geometry: two,
    segments: [first, second].map((values, index): Segment => {
      const probability = Float32Array.from(values);
      const logits = margins[index] ?? new Float32Array();
      return { number: index + 1, mask: maskAbove(logits, two, 0), probability, logits };
    }),
  };
  const image: Image2D = { geometry: { columns: 8, rows: 4 }, channels: 1, data: new Uint8Array(32) };
  const rows = async (changes: Partial<RefinementPlan> = {}, initial = stack) => {
    const raw = { ...presetPlan("raw"), ...changes };
    const result = await refine(image, initial, raw, undefined, { displayRange });
    return result.stack.segments.map(({ mask }) => showMask(mask)[1]);
  };

  test("a pixel belongs to the most probable one, however improbable, on the image's grid as well", async () => {
    expect(await rows()).toEqual(["####....", ".....###"]);
  });

  test("a plan that says otherwise is heard", async () => {
    expect(await rows({ binarise: { kind: "threshold" } })).toEqual(["........", "......##"]);
    expect(await rows({ probabilityThreshold: 0.42 })).toEqual(["##......", ".....###"]);
    const gate = { kind: "maximum-probability", minimum: 0.42 } as const;
    expect(await rows({ binarise: { kind: "arg-max", gate } })).toEqual(["##......", "......##"]);
  });

  test("the estimate is of the probabilities, not of who is ahead", async () => {
    const outcomes = await refine(image, stack, presetPlan("raw"), undefined, { displayRange });
    // 2 * 1.7 / (2.5 + 4): p within and without the mask, twice each, over both.
    expect(outcomeOf(outcomes).quality.value).toBeCloseTo((2 * 1.7) / (2.5 + 4), 6);
  });

  test("planes across the slices see the same", async () => {
    const plan: RefinementPlan = { ...presetPlan("raw"), volume: { mode: "three-planes" } };
    const volume = { slices: [image, image], initial: [stack, stack] };
    for await (const { result } of refineVolume(volume, plan, undefined, { displayRange })) {
      const shown = result.stack.segments.map(({ mask }) => showMask(mask)[1]);
      expect(shown).toEqual(["####....", ".....###"]);
    }
  });
});

describe("random walker", () => {
  /** A bright block that the network's mask misses by two columns on the right. */
  const bright = rectangle(4, 3, 12, 12);
  const image: Image2D = { geometry: grid, channels: 1, data: bright.data.map((value) => 40 + 160 * value) };
  const initial = stackOf(segment(1, rectangle(4, 3, 10, 12)));
  const walker: RefinementPlan = {
    ...presetPlan("scb-rw"),
    cleanUp: [{ kind: "random-walker", sigma: 10, foregroundErosion: 1, backgroundErosion: 3 }],
  };

  test("moves the mask to the edge of the image, without SAM", async () => {
    const result = await refine(image, initial, walker, undefined, { displayRange });
    expect(result.stack.segments[0] && showMask(result.stack.segments[0].mask)).toEqual(showMask(bright));
    expect(outcomeOf(result)).toMatchObject({ kind: "kept-initial", reason: "plan-without-sam" });
  });

  test("the tuned values of the paper leave the cleaned mask as it is (parity vector 14)", async () => {
    const speck = rectangleMask(
      grid,
      { xMin: 4, yMin: 3, xMax: 10, yMax: 12 },
      { xMin: 15, yMin: 0, xMax: 15, yMax: 1 },
    );
    const result = await refine(image, stackOf(segment(1, speck)), presetPlan("scb-rw-asRun"), undefined, {
      displayRange,
    });
    const cleaned = selectComponent(speck, "highest-probability", 0, segment(1, speck).probability);
    expect(maskArea(cleaned)).toBeLessThan(maskArea(speck));
    expect(result.stack.segments[0]?.mask.data).toEqual(cleaned.data);
  });

  test("a class thinner than the erosion keeps its mask as seeds and does not vanish", async () => {
    const thin = stackOf(segment(1, rectangle(4, 3, 5, 12)));
    const result = await refine(image, thin, presetPlan("scb-rw"), undefined, { displayRange });
    expect(result.stack.segments[0] && maskArea(result.stack.segments[0].mask)).toBeGreaterThanOrEqual(20);
  });

  test("prompts of a plan that walks cannot be known without the image", () => {
    const both = { ...walker, passes: presetPlan("msd-box").passes };
    expect(() => derivePrompts(initial, both, grid)).toThrow(/looks at the image/);
  });
});

describe("click loops", () => {
  test("ten clicks, one at a time, with zeros first and SAM's own logits after; what is right is not asked again", async () => {
    const wanted = rectangle(4, 4, 9, 9);
    let round = 0;
    // The answer is a row too short at first, then right.
    const sam = recordingSegmenter((_, x, y) => (x >= 4 && x <= 9 && y >= 4 && y <= (round < 3 ? 8 : 9) ? 3 : -3), {
      onDecode: () => round++,
    });
    const result = await refine(black, stackOf(segment(1, wanted)), presetPlan("semisam-paper"), sam, { displayRange });
    const points = sam.decodes.map(({ prompts }) => prompts[0]?.points?.length);
    // Three clicks, then nothing is wrong; the last question is repeated for the output grid.
    expect(points).toEqual([1, 1, 1, 1]);
    expect(sam.decodes.at(-1)?.prompts[0]).toEqual(sam.decodes[2]?.prompts[0]);
    expect([...(sam.decodes[0]?.prompts[0]?.maskInput?.data ?? [])].every((value) => value === 0)).toBe(true);
    expect([...(sam.decodes[1]?.prompts[0]?.maskInput?.data ?? [])]).toEqual([100]);
    expect(sam.decodes[1]?.prompts[0]?.points?.[0]).toMatchObject({ y: 9, label: "foreground" });
    expect(outcomeOf(result).prompts).toHaveLength(3);
    expect(result.stack.segments[0]?.mask.data).toEqual(wanted.data);
  });

  test("all clicks so far, if the plan says so", async () => {
    const sam = recordingSegmenter((_, x) => (x < 3 ? 3 : -3));
    const passes = [{ errorClicks: "all", repeat: 4, maskInput: "none", maskScale: 1 }] as const;
    await refine(black, one, plan({ passes }), sam, { displayRange });
    expect(sam.decodes.map(({ prompts }) => prompts[0]?.points?.length)).toEqual([1, 2, 3, 4]);
  });

  test("logits count from the threshold on", async () => {
    const sam = recordingSegmenter((prompt, x, y) => (boxAnswer()(prompt, x, y) > 0 ? 1 : 0.2));
    const loose = await refine(black, one, plan({}), sam, { displayRange });
    expect(loose.stack.segments[0] && maskArea(loose.stack.segments[0].mask)).toBe(256);
    const strict = await refine(black, one, plan({ logitThreshold: 0.5 }), sam, { displayRange });
    expect(strict.stack.segments[0]?.mask.data).toEqual(one.segments[0]?.mask.data);
  });
});

describe("boxes, masks and classes", () => {
  test("jitter only grows a box, and repeats with the seed", () => {
    const jittered = (seed: number) => {
      const box = { marginPixels: 0, marginFraction: 0, jitterPixels: 3 };
      const passes = [{ box, maskInput: "none", maskScale: 1 }] as const;
      return derivePrompts(one, plan({ seed, passes }), grid)[0]?.box;
    };
    expect(jittered(1)).toEqual(jittered(1));
    const boxes = Array.from({ length: 20 }, (_, seed) => jittered(seed));
    for (const box of boxes) {
      expect(4 - (box?.xMin ?? 9)).toBeGreaterThanOrEqual(0);
      expect(4 - (box?.xMin ?? 9)).toBeLessThanOrEqual(3);
      expect((box?.yMax ?? 0) - 9).toBeGreaterThanOrEqual(0);
    }
    expect(new Set(boxes.map((box) => JSON.stringify(box))).size).toBeGreaterThan(5);
  });

  test.each([16, 64])("MedSAM's margin and jitter are of 1024 pixels on a grid of %d", (side) => {
    const [low, high] = [side / 4, side / 2];
    const mask = rectangleMask({ columns: side, rows: side }, { xMin: low, yMin: low, xMax: high, yMax: high });
    const stack = { geometry: mask.geometry, segments: [{ number: 1, mask }] };
    const boxOf = (preset: string) => derivePrompts(stack, presetPlan(preset), { columns: 512, rows: 512 })[0]?.box;
    const pixel = side / 1024;
    const grown = { xMin: low - 5 * pixel, yMin: low - 5 * pixel, xMax: high + 5 * pixel, yMax: high + 5 * pixel };
    expect(boxOf("propagate-medsam")).toEqual(grown);
    const jittered = boxOf("msd-boxJitter");
    const moves = [low - jittered!.xMin, low - jittered!.yMin, jittered!.xMax - high, jittered!.yMax - high];
    expect(Math.max(...moves) / pixel).toBeLessThanOrEqual(20);
    expect(Math.min(...moves)).toBeGreaterThanOrEqual(0);
    expect(new Set(moves).size).toBeGreaterThan(1);
  });

  test("of two masks the one that agrees more with the proposal", async () => {
    const sam = recordingSegmenter(boxAnswer());
    const large = recordingSegmenter(boxAnswer(4));
    const chooser = {
      ...sam,
      decode: (...[embedding, prompts, options]: Parameters<typeof sam.decode>) =>
        (options?.maskChoice === "bestOf3" ? sam : large).decode(embedding, prompts, options),
    };
    const result = await refine(black, one, plan({ maskChoice: "agreement" }), chooser, { displayRange });
    expect(outcomeOf(result)).toMatchObject({ kind: "refined", agreement: 1 });
    expect(large.decodes).toHaveLength(1);
  });

  test("arg-max with a gate decides what is asked about", async () => {
    const wide = stackOf(segment(1, rectangle(2, 2, 13, 13), 0.9));
    const sam = recordingSegmenter(boxAnswer());
    const gated = plan({ binarise: { kind: "arg-max", gate: { kind: "maximum-probability", minimum: 0.95 } } });
    const result = await refine(black, wide, gated, sam, { displayRange });
    expect(result.outcomes.get(1)).toEqual({ kind: "absent" });
    expect(sam.decodes).toHaveLength(0);
  });

  test("priority serves the named class first", async () => {
    const sam = recordingSegmenter(() => 1);
    const both = stackOf(segment(1, rectangle(0, 0, 7, 15)), segment(2, rectangle(8, 0, 15, 15)));
    const winner = async (priority: readonly number[]) => {
      const result = await refine(black, both, plan({ fusion: "priority", priority }), sam, { displayRange });
      return result.stack.segments.filter(({ mask }) => maskArea(mask) === 256).map(({ number }) => number);
    };
    expect(await winner([2, 1])).toEqual([2]);
    expect(await winner([])).toEqual([1]);
  });
});

describe("quality and acceptance", () => {
  test("everything is measured when asked for, and little otherwise", async () => {
    // 36 pixels asked about, 64 answered, of which only the asked ones lie above 1.
    const sam = recordingSegmenter((prompt, x, y) =>
      boxAnswer()(prompt, x, y) > 0 ? 3 : boxAnswer(1, 0.5)(prompt, x, y),
    );
    const full = await refine(black, one, plan({}), sam, { displayRange, measureAll: true, secondOpinion: one });
    expect(outcomeOf(full).features).toMatchObject({
      predictedIou: expect.closeTo(0.9, 12),
      agreement: 72 / 100,
      stability: 36 / 256,
      areaRatio: 64 / 36,
      augmentationAgreement: 1,
    });
    // The box of 6 pixels grows by 0.6 on every side, which ends before the next pixel's centre.
    expect(outcomeOf(full).features.containment).toBeCloseTo(36 / 64, 6);
    const brief = await refine(black, one, plan({}), sam, { displayRange });
    expect(Object.keys(outcomeOf(brief).features).sort()).toEqual([
      "agreement",
      "areaRatio",
      "predictedIou",
      "softDice",
    ]);
  });

  test("an answer that hangs on the place of the prompt is told by moving it", async () => {
    const quality = async (answer: Parameters<typeof recordingSegmenter>[0]) => {
      const sam = recordingSegmenter(answer);
      const result = await refine(black, one, plan({ quality: "prompt-jitter" }), sam, { displayRange });
      expect(sam.decodes.map(({ prompts }) => prompts.length)).toEqual([1, 4]);
      return outcomeOf(result).quality;
    };
    expect(await quality((_, x) => (x < 8 ? 1 : -1))).toEqual({ metric: "dice", value: 1, method: "prompt-jitter" });
    const shaky = await quality(({ box }, x) => ((x + (box?.xMin === 4 ? 0 : 3)) % 6 < 3 ? 1 : -1));
    expect(shaky.value).toBeLessThan(0.5);
  });

  test("passes that change their answer are told by their variance", async () => {
    const clicks = { ...presetPlan("semisam-paper"), quality: "click-variance" } as const;
    // The first answer is half of the object, so that a second click is needed; both count.
    let round = 0;
    const sam = recordingSegmenter((_, x, y) => (x >= 4 && x <= (round < 2 ? 6 : 9) && y >= 4 && y <= 9 ? 3 : -3), {
      onDecode: () => round++,
    });
    const result = await refine(black, one, clicks, sam, { displayRange });
    const { quality, features } = outcomeOf(result);
    expect(quality).toEqual({ metric: "dice", value: features.passAgreement, method: "click-variance" });
    // Answers: half, whole, whole. Half of the pixels are marked by all, half by two of three: 1 - 4 * 2/9.
    expect(quality.value).toBeCloseTo((1 + 1 / 9) / 2, 6);
    const single = await refine(black, one, plan({ quality: "click-variance" }), sam, { displayRange });
    expect(outcomeOf(single).quality.method).toBe("soft-dice");
  });

  test("a fitted combination; what is missing counts as average", async () => {
    const qualityModel = {
      id: "test",
      intercept: 0.5,
      terms: [
        { feature: "agreement", mean: 0.8, deviation: 0.1, weight: 1 },
        { feature: "promptJitter", mean: 0.8, deviation: 0.1, weight: 5 },
      ],
    } as const;
    const calibrated = plan({ quality: "calibrated", qualityModel });
    const result = await refine(black, one, calibrated, recordingSegmenter(boxAnswer()), { displayRange });
    expect(outcomeOf(result).quality).toEqual({
      metric: "dice",
      value: 1 / (1 + Math.exp(-2.5)),
      method: "calibrated",
    });
    expect(predictQuality(qualityModel, { softDice: 0 })).toBeCloseTo(1 / (1 + Math.exp(-0.5)), 12);
  });

  test("a mask that is refused is marked for ignoring, as proposed and as refined, and stays", async () => {
    const two = stackOf(segment(1, rectangle(1, 1, 4, 4)), segment(2, rectangle(8, 8, 13, 13)));
    const sam = recordingSegmenter((prompt, x, y) => boxAnswer(prompt.segment === 1 ? 2 : 0)(prompt, x, y));
    const accept = { maximumAreaRatio: 2 };
    const result = await refine(black, two, plan({ accept }), sam, { displayRange });
    expect([outcomeOf(result, 1).accepted, outcomeOf(result, 2).accepted]).toEqual([false, true]);
    expect(result.stack.segments.map(({ mask }) => maskArea(mask))).toEqual([49, 36]);
    expect(result.ignore && showMask(result.ignore).slice(0, 8)).toEqual([
      ...Array.from({ length: 7 }, () => `${"#".repeat(7)}${".".repeat(9)}`),
      ".".repeat(16),
    ]);
    expect((await refine(black, two, plan({}), sam, { displayRange })).ignore).toBeUndefined();
  });

  test("agreement, area and containment each can refuse SAM's mask, and none of them the network's own", async () => {
    // 36 pixels asked about, 64 answered: Dice 0.72, area 1.78, and 36 of 64 within the grown box.
    const sam = recordingSegmenter(boxAnswer(1));
    const isAccepted = async (accept: NonNullable<RefinementPlan["accept"]>, changes: Partial<RefinementPlan> = {}) =>
      outcomeOf(await refine(black, one, plan({ accept, ...changes }), sam, { displayRange })).accepted;
    for (const [passing, failing] of [
      [{ minimumAgreement: 0.7 }, { minimumAgreement: 0.75 }],
      [{ minimumAreaRatio: 1.7 }, { minimumAreaRatio: 1.8 }],
      [{ maximumAreaRatio: 1.8 }, { maximumAreaRatio: 1.7 }],
      [{ minimumContainment: 0.56 }, { minimumContainment: 0.57 }],
    ] as const) {
      expect([await isAccepted(passing), await isAccepted(failing)]).toEqual([true, false]);
      expect(await isAccepted(failing, { minimumAgreement: 0.9 })).toBe(true);
    }
  });

  test("pixels near one half are ignored, wherever they lie", async () => {
    // logit(0.95) = 2.94.
    const sam = recordingSegmenter((_, x) => (x < 4 ? 5 : x < 8 ? 2 : x < 12 ? -2 : -5));
    const result = await refine(black, one, plan({ accept: { minimumPixelConfidence: 0.95 } }), sam, { displayRange });
    expect(result.ignore && showMask(result.ignore)[0]).toBe("....########....");
  });

  test("an estimate below the limit refuses a mask of the network as well", async () => {
    const unsure = stackOf(segment(1, rectangle(4, 4, 9, 9), 0.6));
    const strict = { ...presetPlan("raw"), accept: { minimumQuality: 0.9 } };
    const result = await refine(black, unsure, strict, undefined, { displayRange });
    expect(outcomeOf(result).accepted).toBe(false);
    expect(result.ignore && maskArea(result.ignore)).toBe(36);
  });
});
