import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { Mask, Segment, SegmentStack } from "../mask/mask.ts";
import { rectangleMask } from "../mask/masks.fixture.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { Progress } from "../task.ts";
import type { CropRule } from "./crop-rule.ts";
import { cutImage } from "./crop-view.ts";
import type { RefinementPlan } from "./plan.ts";
import { presetPlan } from "./presets.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { refine } from "./refine.ts";

const displayRange = { lower: 0, upper: 255 };
const geometry: ImageGeometry = { columns: 40, rows: 30 };
const image: Image2D = {
  geometry,
  channels: 1,
  // Every value once, so that a crop tells where it was cut.
  data: Uint16Array.from({ length: 1200 }, (_, i) => i),
};

const segment = (number: number, mask: Mask, inside = 0.9): Segment => ({
  number,
  mask,
  probability: Float32Array.from(mask.data, (value) => (value === 1 ? inside : 0.1)),
});
const rectangle = (xMin: number, yMin: number, xMax: number, yMax: number, on = geometry): Mask =>
  rectangleMask(on, { xMin, yMin, xMax, yMax });
const stackOf = (...segments: Segment[]): SegmentStack => ({ geometry: segments[0]!.mask.geometry, segments });

const rule: CropRule = { kind: "crop", around: "object", marginFraction: 0.5, minimumSide: 1 };
const zoomed = (changes: Partial<CropRule> = {}, plan = presetPlan("ours")): RefinementPlan => ({
  ...plan,
  encode: { ...rule, ...changes },
});

/** A double that keeps the images it was shown. */
function watchingSegmenter(...setup: Parameters<typeof recordingSegmenter>) {
  const sam = recordingSegmenter(...setup);
  const images: Image2D[] = [];
  let alive = 0;
  let mostAlive = 0;
  return {
    images,
    mostAlive: () => mostAlive,
    alive: () => alive,
    ...sam,
    async encode(shown: Image2D, options: Parameters<typeof sam.encode>[1]) {
      images.push(shown);
      mostAlive = Math.max(mostAlive, ++alive);
      const embedding = await sam.encode(shown, options);
      return {
        ...embedding,
        dispose: async () => {
          alive--;
          await embedding.dispose();
        },
      };
    },
  };
}

const inBox = ({ box, geometry: frame }: Prompt, x: number, y: number, output: ImageGeometry): number => {
  if (box === undefined) return -4;
  const [scaleX, scaleY] = [frame.columns / output.columns, frame.rows / output.rows];
  const isInside = x * scaleX >= box.xMin && x * scaleX <= box.xMax && y * scaleY >= box.yMin && y * scaleY <= box.yMax;
  return isInside ? 4 : -4;
};

describe("a plan that encodes crops", () => {
  const left = rectangle(4, 10, 9, 13);
  const right = rectangle(28, 18, 31, 25);

  test("shows SAM a square around every object, asks in its frame and answers on the whole image", async () => {
    const sam = watchingSegmenter(inBox);
    const result = await refine(image, stackOf(segment(1, left), segment(2, right)), zoomed(), sam, { displayRange });
    // 6 x 4 pixels and half of 6 on every side: 12 x 12, of which the first is moved in from the left border.
    expect(sam.images.map((shown) => shown.geometry)).toEqual([
      { columns: 12, rows: 12 },
      { columns: 16, rows: 16 },
    ]);
    expect(sam.images[0]?.data.slice(0, 12)).toEqual(image.data.slice(6 * 40 + 1, 6 * 40 + 13));
    const [prompt] = sam.decodes[0]!.prompts;
    expect(prompt?.geometry).toEqual({ columns: 12, rows: 12 });
    // 5 % of the box beside it, and the other class's seed is out of sight.
    expect(prompt?.box).toEqual({
      xMin: expect.closeTo(2.7),
      yMin: expect.closeTo(3.8),
      xMax: expect.closeTo(8.3),
      yMax: expect.closeTo(7.2),
    });
    expect(prompt?.points).toEqual([{ x: 4, y: 5, label: "foreground" }]);
    expect(prompt?.maskInput?.data).toHaveLength(144);
    expect(prompt?.maskInput?.data[4 * 12 + 3]).toBeCloseTo(Math.log(9), 5);
    expect(result.stack.segments.map(({ mask }) => mask.data)).toEqual([left.data, right.data]);
    // What is reported stays in the frame of the whole.
    const outcome = result.outcomes.get(1);
    expect(outcome?.kind === "refined" && outcome.prompts[0]?.geometry).toEqual(geometry);
    expect([sam.mostAlive(), sam.alive()]).toEqual([1, 0]);
  });

  test("one crop may hold all objects; what is nearly the image is encoded whole, with the embedding that was given", async () => {
    const sam = watchingSegmenter(inBox);
    const two = stackOf(segment(1, left), segment(2, rectangle(12, 10, 16, 15)));
    await refine(image, two, zoomed({ around: "all-objects", marginFraction: 0 }), sam, { displayRange });
    expect(sam.images.map((shown) => shown.geometry)).toEqual([{ columns: 13, rows: 13 }]);
    expect(sam.decodes[0]?.prompts).toHaveLength(2);
    expect(sam.decodes[0]?.prompts[0]?.points).toHaveLength(2);

    const wide = watchingSegmenter(inBox);
    const embedding = await wide.encode(image, { displayRange });
    const far = stackOf(segment(1, rectangle(0, 0, 3, 3)), segment(2, rectangle(5, 2, 36, 27)));
    await refine(image, far, zoomed(), wide, { displayRange, embedding });
    expect(wide.decodes.map(({ prompts }) => prompts.map(({ segment: number }) => number))).toEqual([[2], [1]]);
    expect(wide.images.map((shown) => shown.geometry.columns)).toEqual([40, 8]);
    expect(wide.alive()).toBe(1);
  });

  test("components have crops of their own; the second pass takes the first one's logits in the crop's frame", async () => {
    const teeth = rectangleMask(
      geometry,
      { xMin: 2, yMin: 2, xMax: 5, yMax: 6 },
      { xMin: 20, yMin: 12, xMax: 24, yMax: 15 },
    );
    const sam = watchingSegmenter(inBox);
    const components = { ...presetPlan("msd-boxPerComponent") };
    const passes = [...components.passes, { ...components.passes[0]!, maskInput: "previous-pass" as const }];
    const found = await refine(image, stackOf(segment(1, teeth)), zoomed({}, { ...components, passes }), sam, {
      displayRange,
    });
    expect(sam.images).toHaveLength(2);
    expect(sam.decodes.map(({ prompts }) => prompts[0]?.maskInput?.data)).toEqual([
      undefined,
      Float32Array.of(100),
      undefined,
      Float32Array.of(300),
    ]);
    expect(found.stack.segments[0]?.mask.data).toEqual(teeth.data);
    const outcome = found.outcomes.get(1);
    expect(outcome?.kind === "refined" && outcome.prompts).toHaveLength(4);
  });

  test("an answer that fills the crop fades into the network's before the border and leaves nothing outside", async () => {
    const sam = recordingSegmenter(() => 3);
    const plan = zoomed({ marginFraction: 1 }, { ...presetPlan("ours"), samWeight: 1, minimumAgreement: 0 });
    const middle = rectangle(18, 12, 21, 15);
    const { stack } = await refine(image, stackOf(segment(1, middle)), plan, sam, { displayRange });
    const probability = stack.segments[0]!.probability!;
    const row = [...probability.slice(13 * 40 + 12, 13 * 40 + 21)].map((p) => Math.log(p / (1 - p)));
    // 4 pixels of margin, of which the outer two fade: weights 0 (outside), 1/3, 2/3, 1.
    const around = -Math.log(9);
    const expected = [around, around, (3 + 2 * around) / 3, (6 + around) / 3, 3, 3, 3, 3, 3];
    for (const [i, value] of row.entries()) expect(value).toBeCloseTo(expected[i]!, 4);
  });

  test("the masks are the same where only masks are wanted, with parts of one class on several crops", async () => {
    const corner = fc.record({ x: fc.integer({ min: 0, max: 30 }), y: fc.integer({ min: 0, max: 22 }) });
    const pair = fc.tuple(corner, corner, fc.integer({ min: 2, max: 8 }), fc.constantFrom(-3, -0.2, 0.5));
    await fc.assert(
      fc.asyncProperty(pair, fc.constantFrom("class", "component"), async ([a, b, side, doubt], target) => {
        const boxOf = ({ x, y }: typeof a) => ({ xMin: x, yMin: y, xMax: x + side, yMax: y + (side >> 1) });
        const stack = stackOf(
          segment(1, rectangleMask(geometry, boxOf(a), boxOf(b))),
          segment(2, rectangle(33, 1, 38, 5)),
        );
        const plan = { ...zoomed({ marginFraction: 0.3 }), target, minimumAgreement: 0, cleanUp: [] } as const;
        // Unsure around the object and on every other column of it, where the network's opinion decides.
        const answer: typeof inBox = (prompt, x, ...rest) => (x % 2 === 0 && inBox(prompt, x, ...rest) > 0 ? 3 : doubt);
        const [masks, whole] = await Promise.all(
          [false, true].map((probabilities) =>
            refine(image, stack, plan, recordingSegmenter(answer), {
              displayRange,
              probabilities,
              measureAll: probabilities,
            }),
          ),
        );
        expect(masks!.stack.segments.map(({ mask }) => mask.data)).toEqual(
          whole!.stack.segments.map(({ mask }) => mask.data),
        );
      }),
    );
  });

  test("progress grows crop by crop, and an abort between crops leaves no embedding", async () => {
    const events: Progress[] = [];
    const two = stackOf(segment(1, left), segment(2, right));
    await refine(image, two, zoomed(), watchingSegmenter(inBox), {
      displayRange,
      onProgress: (event) => events.push(event),
    });
    expect(events.map(({ completed }) => completed)).toEqual([0, 1, 2]);
    const controller = new AbortController();
    const aborted = watchingSegmenter(inBox, { onDecode: () => controller.abort(new Error("enough")) });
    const run = refine(image, two, zoomed(), aborted, { displayRange, signal: controller.signal });
    await expect(run).rejects.toThrow("enough");
    expect([aborted.images.length, aborted.alive()]).toEqual([1, 0]);
  });

  test("asks as an image would that is the crop, and answers the same where nothing fades", async () => {
    const object = fc.record({
      x: fc.integer({ min: 0, max: 31 }),
      y: fc.integer({ min: 0, max: 21 }),
      width: fc.integer({ min: 1, max: 8 }),
      height: fc.integer({ min: 1, max: 8 }),
    });
    // None with a centroid, which is rounded to the even pixel of its frame.
    const plans = ["ours", "msd-box", "msd-boxCentre", "msd-points-3", "semisam-paper"];
    await fc.assert(
      fc.asyncProperty(
        object,
        fc.constantFrom(...plans),
        fc.constantFrom(0, 0.25, 1),
        async (box, id, marginFraction) => {
          const mask = rectangle(box.x, box.y, box.x + box.width - 1, box.y + box.height - 1);
          const plan: RefinementPlan = { ...presetPlan(id), cleanUp: [], samWeight: 1, minimumAgreement: 0 };
          const whole = watchingSegmenter(inBox);
          const result = await refine(image, stackOf(segment(1, mask)), zoomed({ marginFraction }, plan), whole, {
            displayRange,
          });
          const shown = whole.images[0]!;
          const [offsetX, offsetY] = [shown.data[0]! % 40, Math.floor(shown.data[0]! / 40)];
          const crop = {
            box: {
              xMin: offsetX,
              yMin: offsetY,
              xMax: offsetX + shown.geometry.columns - 1,
              yMax: offsetY + shown.geometry.rows - 1,
            },
            fade: { left: 0, top: 0, right: 0, bottom: 0 },
          };
          const cutMask: Mask = {
            geometry: shown.geometry,
            data: cutImage({ geometry, channels: 1, data: mask.data }, crop).data as Uint8Array,
          };
          const alone = watchingSegmenter(inBox);
          const expected = await refine(shown, stackOf(segment(1, cutMask)), plan, alone, { displayRange });
          expect(whole.decodes).toHaveLength(alone.decodes.length);
          for (const [index, { prompts }] of alone.decodes.entries()) {
            const moved = whole.decodes[index]?.prompts[0];
            expect(moved?.points).toEqual(prompts[0]?.points);
            for (const side of ["xMin", "yMin", "xMax", "yMax"] as const) {
              const inside = prompts[0]?.box?.[side];
              if (inside !== undefined) expect(moved?.box?.[side]).toBeCloseTo(inside, 5);
            }
            expect(moved?.maskInput?.data).toEqual(prompts[0]?.maskInput?.data);
          }
          const found = cutImage({ geometry, channels: 1, data: result.stack.segments[0]!.mask.data }, crop);
          expect(found.data).toEqual(expected.stack.segments[0]!.mask.data);
          expect(result.stack.segments[0]!.mask.data.filter((value) => value === 1)).toHaveLength(
            found.data.filter((value) => value === 1).length,
          );
        },
      ),
      { numRuns: 200 },
    );
  });
});
