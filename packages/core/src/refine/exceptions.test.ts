import { describe, expect, test } from "vitest";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { Mask, Segment, SegmentStack } from "../mask/mask.ts";
import { rectangleMask } from "../mask/masks.fixture.ts";
import { maskArea } from "../mask/measure.ts";
import { requiredCapabilities } from "./capabilities.ts";
import { derivePrompts } from "./derive-prompts.ts";
import { canCombine, combinePlans, planForSegment, planParts } from "./exceptions.ts";
import { parsePlan } from "./parse-plan.ts";
import type { RefinementPlan } from "./plan.ts";
import { presetPlan } from "./presets.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { refine } from "./refine.ts";

const grid: ImageGeometry = { columns: 24, rows: 24 };
const black: Image2D = { geometry: grid, channels: 1, data: new Uint8Array(24 * 24) };
const displayRange = { lower: 0, upper: 255 };

const segment = (number: number, mask: Mask): Segment => ({
  number,
  mask,
  probability: Float32Array.from(mask.data, (value) => (value === 1 ? 0.9 : 0.1)),
});
const square = (x: number, y: number, side = 6): Mask =>
  rectangleMask(grid, { xMin: x, yMin: y, xMax: x + side - 1, yMax: y + side - 1 });

const three: SegmentStack = {
  geometry: grid,
  segments: [segment(1, square(1, 1)), segment(2, square(12, 1)), segment(3, square(1, 12))],
};

describe("exceptions", () => {
  const ours = presetPlan("ours");
  const plan: RefinementPlan = {
    ...ours,
    exceptions: [
      { segments: [2], passes: [] },
      { segments: [3], target: "component", cleanUp: [{ kind: "component", keep: "all", minimumArea: 2 }] },
    ],
  };

  test("a class without passes keeps the network's mask, but still is background for the others", async () => {
    // SAM answers with nothing that resembles a mask, so that whoever asked it shows.
    const sam = recordingSegmenter((_, x) => (x < 20 ? 4 : -4));
    const result = await refine(black, three, { ...plan, minimumAgreement: 0, samWeight: 1 }, sam, { displayRange });
    expect(result.outcomes.get(2)).toMatchObject({ kind: "kept-initial", reason: "plan-without-sam", prompts: [] });
    expect(result.stack.segments[1]?.mask.data).toEqual(three.segments[1]?.mask.data);
    for (const number of [1, 3]) expect(result.outcomes.get(number)).toMatchObject({ kind: "refined" });
    expect(sam.decodes.flatMap(({ prompts }) => prompts.map((prompt) => prompt.segment))).toEqual([1, 3]);
    const [first] = sam.decodes[0]?.prompts ?? [];
    expect(first?.points?.filter(({ label }) => label === "background")).toHaveLength(2);
    expect(sam.encodes).toHaveLength(1);
    expect(sam.embeddings.map(({ disposed }) => disposed)).toEqual([1]);
  });

  test("a clean-up of its own", async () => {
    const specks = rectangleMask(
      grid,
      { xMin: 1, yMin: 1, xMax: 6, yMax: 6 },
      { xMin: 20, yMin: 20, xMax: 21, yMax: 21 },
    );
    const stack: SegmentStack = { geometry: grid, segments: [segment(1, specks), segment(3, specks)] };
    const { passes: _passes, ...method } = plan;
    const result = await refine(black, stack, { ...method, passes: [] }, undefined, { displayRange });
    expect(result.stack.segments.map(({ mask }) => maskArea(mask))).toEqual([36, 40]);
  });

  test("prompts are those that refine gives to SAM", async () => {
    const sam = recordingSegmenter(() => 1);
    await refine(black, three, plan, sam, { displayRange });
    expect(derivePrompts(three, plan, grid)).toEqual(sam.decodes.flatMap(({ prompts }) => prompts));
  });

  test("capabilities that only an exception needs are asked for", () => {
    const clicks: RefinementPlan = {
      ...presetPlan("msd-centre"),
      exceptions: [
        { segments: [4], passes: [{ box: { marginPixels: 0, marginFraction: 0 }, maskInput: "none", maskScale: 1 }] },
      ],
    };
    expect(requiredCapabilities(presetPlan("msd-centre")).has("box")).toBe(false);
    expect(requiredCapabilities(clicks).get("box")).toBe("exceptions[0].passes[0].box");
  });

  test("classes in parts", () => {
    expect(planParts(plan, [1, 2, 3, 4]).map(({ segments }) => [...segments])).toEqual([[1, 4], [2], [3]]);
    expect(planForSegment(plan, 2)).toEqual({ ...ours, passes: [] });
    expect(planParts(ours, [1, 2])).toEqual([{ plan: ours, segments: new Set([1, 2]) }]);
  });

  test("a random walker looks at all classes, so that none can be cleaned apart", async () => {
    const walker = { ...presetPlan("scb-rw"), exceptions: [{ segments: [1], cleanUp: [] }] };
    await expect(refine(black, three, walker, undefined, { displayRange })).rejects.toThrow(/random walker/);
  });
});

describe("combinePlans", () => {
  const raw = presetPlan("raw");
  const choose = (...plans: readonly RefinementPlan[]) => plans.map((plan, index) => ({ segment: index + 1, plan }));

  test("does to every class what its plan does", () => {
    const rings = { ...presetPlan("ours"), id: "rings", rings: [{ ring: 4, inner: 1 }], minimumAgreement: 0.7 };
    const choices = choose(presetPlan("ours"), raw, presetPlan("ours-components"), rings, presetPlan("ours"));
    const combined = combinePlans("by-class", "note", choices);
    expect(parsePlan(JSON.parse(JSON.stringify(combined)))).toEqual(combined);
    expect(combined).toMatchObject({ id: "by-class", note: "note", rings: [{ ring: 4, inner: 1 }] });
    for (const { segment: number, plan } of choices) {
      const names = { id: "", note: "", rings: [] };
      const defaults = { target: "class", logitThreshold: 0, quality: "soft-dice" };
      expect({ ...defaults, ...planForSegment(combined, number), ...names }).toEqual({
        ...defaults,
        ...plan,
        ...names,
      });
    }
  });

  test("a plan without SAM never is the rule where one class asks it", () => {
    const combined = combinePlans("by-class", "note", choose(raw, raw, presetPlan("ours")));
    expect(combined.passes.length).toBe(1);
    expect(combined.exceptions).toMatchObject([{ segments: [1, 2], passes: [] }]);
  });

  test("one plan for all classes is that plan", () => {
    const combined = combinePlans("ours", presetPlan("ours").note, choose(presetPlan("ours"), presetPlan("ours")));
    expect(combined).toEqual(presetPlan("ours"));
  });

  test("what holds for the whole image cannot differ by class", () => {
    expect(canCombine(raw, presetPlan("cleanup"))).toBe(true);
    expect(canCombine(raw, presetPlan("ours"))).toBe(true);
    expect(canCombine(raw, { ...raw, id: "flipped", testTimeAugmentation: "horizontal-flip" })).toBe(false);
    expect(canCombine(raw, presetPlan("scb-rw"))).toBe(false);
    expect(canCombine(raw, presetPlan("samatch-busi"))).toBe(false);
  });
});
