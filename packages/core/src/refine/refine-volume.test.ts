import { describe, expect, test } from "vitest";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import type { Mask, SegmentStack } from "../mask/mask.ts";
import { rectangleMask } from "../mask/masks.fixture.ts";
import { emptyMask, maskArea, maskBox } from "../mask/measure.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { Progress } from "../task.ts";
import type { RefinementPlan } from "./plan.ts";
import { presetPlan } from "./presets.ts";
import { recordingSegmenter } from "./recording-segmenter.fixture.ts";
import { refineVolume } from "./refine-volume.ts";
import type { VolumeSlice, VolumeToRefine } from "./volume.ts";
import type { VolumeComponentRule } from "./volume-rule.ts";

const grid: ImageGeometry = { columns: 16, rows: 16 };
const displayRange = { lower: 0, upper: 255 };
const image: Image2D = { geometry: grid, channels: 1, data: new Uint8Array(256) };
const rectangle = (xMin: number, yMin: number, xMax: number, yMax: number) =>
  rectangleMask(grid, { xMin, yMin, xMax, yMax });
const nothing = emptyMask(grid);

/** One class per list; a mask per slice. */
function volumeOf(...classes: readonly (readonly Mask[])[]): VolumeToRefine {
  const slices = classes[0]?.map(() => image) ?? [];
  const initial = slices.map(
    (_, k): SegmentStack => ({
      geometry: grid,
      segments: classes.map((masks, index) => {
        const mask = masks[k] ?? nothing;
        return { number: index + 1, mask, probability: Float32Array.from(mask.data, (v) => (v === 1 ? 0.9 : 0.1)) };
      }),
    }),
  );
  return { slices, initial };
}

const boxAnswer = ({ box }: Prompt, x: number, y: number) =>
  box !== undefined && x >= box.xMin && x <= box.xMax && y >= box.yMin && y <= box.yMax ? 4 : -4;

async function collect(slices: AsyncIterable<VolumeSlice>): Promise<readonly VolumeSlice[]> {
  const found: VolumeSlice[] = [];
  for await (const slice of slices) found.push(slice);
  return found.toSorted((a, b) => a.k - b.k);
}

const areas = (slices: readonly VolumeSlice[], number = 1) =>
  slices.map(({ result }) => {
    const segment = result.stack.segments.find((candidate) => candidate.number === number);
    return segment === undefined ? undefined : maskArea(segment.mask);
  });

const tight: RefinementPlan = { ...presetPlan("msd-box"), maskChoice: "token0" };
const block = rectangle(4, 4, 9, 9);

describe("slice by slice", () => {
  test("every slice once, in order, one embedding alive, progress to the end", async () => {
    const sam = recordingSegmenter(boxAnswer);
    const events: Progress[] = [];
    const order: number[] = [];
    const volume = volumeOf([block, nothing, block]);
    for await (const { k } of refineVolume(volume, tight, sam, { displayRange, onProgress: (p) => events.push(p) })) {
      order.push(k);
      expect(sam.embeddings.filter(({ disposed }) => disposed === 0)).toHaveLength(0);
    }
    expect(order).toEqual([0, 1, 2]);
    expect(sam.encodes).toHaveLength(2);
    expect(events.map(({ completed }) => completed)).toEqual([0, 1, 2, 3]);
  });

  test("a median over three slices takes flicker away and leaves ends and gaps", async () => {
    const plan: RefinementPlan = { ...presetPlan("raw"), volume: { mode: "slice-wise", medianOverSlices: true } };
    const wide = rectangle(4, 4, 12, 9);
    const slices = await collect(
      refineVolume(volumeOf([wide, block, wide, block, block, nothing, block]), plan, undefined, { displayRange }),
    );
    expect(areas(slices)).toEqual([54, 54, 36, 36, 36, 0, 36]);
    expect(slices[5]?.result.outcomes.get(1)).toEqual({ kind: "absent" });
    const without = await collect(
      refineVolume(volumeOf([wide, block, wide]), plan, undefined, { displayRange, probabilities: false }),
    );
    expect(areas(without)).toEqual([54, 54, 54]);
    expect(without[1]?.result.stack.segments[0]?.probability).toBeUndefined();
  });

  test("two slices and one slice pass the median unchanged", async () => {
    const plan: RefinementPlan = { ...presetPlan("raw"), volume: { mode: "slice-wise", medianOverSlices: true } };
    const wide = rectangle(4, 4, 12, 9);
    const two = await collect(refineVolume(volumeOf([wide, block]), plan, undefined, { displayRange }));
    expect(areas(two)).toEqual([54, 36]);
    const one = await collect(refineVolume(volumeOf([wide]), plan, undefined, { displayRange }));
    expect(areas(one)).toEqual([54]);
  });
});

describe("propagation", () => {
  const propagate = (
    from: "key-slice" | "every-slice",
    stop: Partial<Extract<RefinementPlan["volume"], { mode: "propagate" }>["stop"]> = {},
  ): RefinementPlan => ({
    ...tight,
    volume: {
      mode: "propagate",
      from,
      stop: { minimumArea: 4, minimumPredictedIou: 0, minimumNeighbourDice: 0, maximumCentroidShift: 9, ...stop },
    },
  });

  test("from the slice with the largest box the mask goes up and down; other proposals are not looked at", async () => {
    const sam = recordingSegmenter(boxAnswer);
    const small = rectangle(1, 1, 2, 2);
    const volume = volumeOf([small, nothing, block, nothing, small]);
    const slices = await collect(refineVolume(volume, propagate("key-slice"), sam, { displayRange }));
    expect(areas(slices)).toEqual([36, 36, 36, 36, 36]);
    expect(slices.map(({ propagated }) => propagated)).toEqual([[1], [1], [], [1], [1]]);
    expect(sam.encodes).toHaveLength(5);
    expect(sam.embeddings.every(({ disposed }) => disposed === 1)).toBe(true);
  });

  test("the box follows the neighbour's answer, not the key slice", async () => {
    // Every answer is the box, one pixel narrower on the right.
    const shrinking = ({ box }: Prompt, x: number, y: number) =>
      box && x >= box.xMin && x < box.xMax && y >= box.yMin && y <= box.yMax ? 4 : -4;
    const sam = recordingSegmenter(shrinking);
    const volume = volumeOf([block, nothing, nothing]);
    const slices = await collect(refineVolume(volume, propagate("key-slice"), sam, { displayRange }));
    expect(
      slices.map(({ result }) => result.stack.segments[0] && maskBox(result.stack.segments[0].mask)?.xMax),
    ).toEqual([8, 7, 6]);
  });

  test("every rule ends the way, names itself, and nothing comes back to life", async () => {
    const volume = volumeOf([block, nothing, nothing]);
    const stopOf = async (
      plan: RefinementPlan,
      answer: Parameters<typeof recordingSegmenter>[0],
      predictedIou = 0.9,
    ) => {
      const slices = await collect(
        refineVolume(volume, plan, recordingSegmenter(answer, { predictedIou }), { displayRange }),
      );
      expect(areas(slices).slice(1)).toEqual([0, 0]);
      expect(slices[1]?.result.outcomes.get(1)).toEqual({ kind: "absent" });
      expect(slices[2]?.stopped.size).toBe(0);
      return slices[1]?.stopped.get(1);
    };
    /** The network's mask on the first slice, then something else for boxes of the first answer. */
    const then = (next: (x: number, y: number) => boolean) => {
      let calls = 0;
      return (prompt: Prompt, x: number, y: number) => {
        if (x === 0 && y === 0) calls++;
        return calls === 1 ? boxAnswer(prompt, x, y) : next(x, y) ? 4 : -4;
      };
    };
    const nowhere = then(() => false);
    expect(await stopOf(propagate("key-slice"), nowhere)).toBe("not-found");
    const speck = then((x, y) => x === 5 && y === 5);
    expect(await stopOf(propagate("key-slice"), speck)).toBe("too-small");
    expect(await stopOf(propagate("key-slice", { minimumPredictedIou: 0.95 }), boxAnswer)).toBe("low-predicted-iou");
    const corner = () => then((x, y) => x >= 9 && y >= 9 && x < 13 && y < 13);
    expect(await stopOf(propagate("key-slice", { minimumNeighbourDice: 0.3 }), corner())).toBe("unlike-neighbour");
    expect(await stopOf(propagate("key-slice", { maximumCentroidShift: 0.3 }), corner())).toBe("jumped-away");
  });

  test("where the model says whether the object is there, its no ends the way", async () => {
    const stoppedWith = async (
      stop: Parameters<typeof propagate>[1],
      objectScores?: readonly number[],
    ): Promise<readonly (string | undefined)[]> => {
      const sam = recordingSegmenter(boxAnswer, objectScores && { objectScores });
      const slices = await collect(
        refineVolume(volumeOf([block, nothing, nothing]), propagate("key-slice", stop), sam, { displayRange }),
      );
      return slices.map(({ stopped }) => stopped.get(1));
    };
    const goesOn = [undefined, undefined, undefined];
    expect(await stoppedWith({ minimumObjectScore: 0 }, [2, 0.1, -0.1])).toEqual([undefined, undefined, "no-object"]);
    // The marked slice itself is the network's to decide.
    expect(await stoppedWith({ minimumObjectScore: 0 }, [-3, 1, 1])).toEqual(goesOn);
    expect(await stoppedWith({ minimumObjectScore: 0 })).toEqual(goesOn);
    expect(await stoppedWith({}, [-3, -3, -3])).toEqual(goesOn);
  });

  test("with every slice as a marker only gaps are carried over", async () => {
    const sam = recordingSegmenter(boxAnswer);
    const wide = rectangle(2, 2, 12, 12);
    const volume = volumeOf([nothing, block, nothing, wide, nothing]);
    const slices = await collect(refineVolume(volume, propagate("every-slice"), sam, { displayRange }));
    // The way is down from the key slice (k = 3) to the gap, and out of both ends.
    expect(areas(slices)).toEqual([36, 36, 121, 121, 121]);
    expect(slices.map(({ propagated }) => propagated)).toEqual([[1], [], [1], [], [1]]);
  });

  describe("where two ways meet in a gap", () => {
    const wide = rectangle(2, 2, 12, 12);
    const marks = volumeOf([nothing, block, nothing, nothing, wide, nothing]);
    const meeting = (meet: "higher-predicted-iou" | "agreement", claimOfWide: number) => {
      const plan = propagate("every-slice");
      if (plan.volume?.mode !== "propagate") throw new Error("the plan does not propagate");
      const sam = recordingSegmenter(boxAnswer);
      /** Claims 0.9 of narrow boxes. */
      const claiming: typeof sam = {
        ...sam,
        decode: async (embedding, prompts, options) =>
          (await sam.decode(embedding, prompts, options)).map((candidate, i) => {
            const { xMin = 0, xMax = 0 } = prompts[i]?.box ?? {};
            return { ...candidate, predictedIou: xMax - xMin > 8 ? claimOfWide : 0.9 };
          }),
      };
      const both = { ...plan, volume: { ...plan.volume, meet } };
      return { sam, slices: collect(refineVolume(marks, both, claiming, { displayRange })) };
    };

    test("the mask that SAM claims more of is kept, and a way that is alone as well", async () => {
      expect(areas(await meeting("higher-predicted-iou", 0.95).slices)).toEqual([36, 36, 121, 121, 121, 121]);
      const { sam, slices } = meeting("higher-predicted-iou", 0.8);
      expect(areas(await slices)).toEqual([36, 36, 36, 36, 121, 121]);
      expect((await slices).map(({ propagated }) => propagated.length)).toEqual([1, 0, 1, 1, 0, 1]);
      // Marks once, the gap twice, each end once.
      expect(sam.encodes).toHaveLength(2 + 4 + 2);
    });

    test("only what both bring stays, and nothing beyond the outermost marks", async () => {
      const slices = await meeting("agreement", 0.95).slices;
      expect(areas(slices)).toEqual([0, 36, 36, 36, 121, 0]);
      expect(slices.map(({ stopped }) => stopped.get(1))).toEqual([
        ...["one-way", undefined, undefined, undefined, undefined],
        "one-way",
      ]);
      expect(slices[0]?.result.outcomes.get(1)).toEqual({ kind: "absent" });
      expect(slices[2]?.result.outcomes.get(1)).toMatchObject({ kind: "refined", predictedIou: 0.95 });
      expect(slices[2]?.result.stack.segments[0]?.probability?.filter((p) => p > 0.5)).toHaveLength(36);
    });
  });

  test("classes have key slices of their own and are asked about together", async () => {
    const sam = recordingSegmenter(boxAnswer);
    const other = rectangle(11, 11, 14, 14);
    const volume = volumeOf([nothing, nothing, block], [other, nothing, nothing]);
    const slices = await collect(refineVolume(volume, propagate("key-slice"), sam, { displayRange }));
    expect(areas(slices, 1)).toEqual([36, 36, 36]);
    expect(areas(slices, 2)).toEqual([16, 16, 16]);
    // Up: class 2 alone twice, then both; down: class 1 alone twice.
    expect(sam.decodes.map(({ prompts }) => prompts.map(({ segment }) => segment))).toEqual([
      [2],
      [2],
      [1, 2],
      [1],
      [1],
    ]);
  });

  test("a volume without any class asks nothing", async () => {
    const sam = recordingSegmenter(boxAnswer);
    const slices = await collect(
      refineVolume(volumeOf([nothing, nothing]), propagate("key-slice"), sam, { displayRange }),
    );
    expect(areas(slices)).toEqual([0, 0]);
    expect(sam.encodes).toHaveLength(0);
  });

  test("aborting between slices rejects with the reason", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const sam = recordingSegmenter(boxAnswer, { onDecode: () => controller.abort(reason) });
    const run = collect(
      refineVolume(volumeOf([block, block]), propagate("every-slice"), sam, {
        displayRange,
        signal: controller.signal,
      }),
    );
    await expect(run).rejects.toBe(reason);
    expect(sam.embeddings.every(({ disposed }) => disposed === 1)).toBe(true);
  });
});

describe("three planes", () => {
  const plan: RefinementPlan = { ...presetPlan("raw"), volume: { mode: "three-planes" } };

  test("without SAM, planes of any direction agree: the network's own masks come back", async () => {
    const cuboid = Array.from({ length: 6 }, (_, k) => (k >= 1 && k <= 4 ? rectangle(4, 5, 9, 12) : nothing));
    const volume = { ...volumeOf(cuboid), spacing: [1, 1, 3] as const };
    const slices = await collect(refineVolume(volume, plan, undefined, { displayRange }));
    expect(areas(slices)).toEqual([0, 48, 48, 48, 48, 0]);
    expect(slices[2]?.result.stack.segments[0]?.mask.data).toEqual(cuboid[2]?.data);
    expect(slices[0]?.result.outcomes.get(1)).toEqual({ kind: "absent" });
  });

  test("two planes overrule a third, which sees the voxels where they are", async () => {
    const cuboid = Array.from({ length: 6 }, (_, k) => (k >= 1 && k <= 4 ? rectangle(4, 5, 9, 12) : nothing));
    // Slices along k are 16 x 16 and are answered with everything; planes across have 6 rows and are answered with the box.
    const sam = recordingSegmenter((prompt, x, y, output) => (output.rows === 16 ? 4 : boxAnswer(prompt, x, y)));
    const slices = await collect(
      refineVolume(volumeOf(cuboid), { ...tight, volume: { mode: "three-planes" } }, sam, { displayRange }),
    );
    expect(areas(slices)).toEqual([0, 48, 48, 48, 48, 0]);
    expect(slices[3]?.result.stack.segments[0]?.mask.data).toEqual(cuboid[3]?.data);
    // 4 slices with something, 8 rows, 6 columns.
    expect(sam.encodes).toHaveLength(4 + 8 + 6);
  });

  test("one slice has no other planes", async () => {
    const slices = await collect(refineVolume(volumeOf([block]), plan, undefined, { displayRange }));
    expect(areas(slices)).toEqual([36]);
  });
});

describe("components of a volume", () => {
  const keep = (
    component: VolumeComponentRule,
    mode: "slice-wise" | "three-planes" = "slice-wise",
  ): RefinementPlan => ({
    ...presetPlan("raw"),
    volume: { mode, component },
  });
  const areasWith = async (component: VolumeComponentRule, ...masks: readonly Mask[]) =>
    areas(await collect(refineVolume(volumeOf(masks), keep(component), undefined, { displayRange })));
  const speck = rectangle(13, 1, 14, 2);
  /** Meets the block of the slice beside it in a corner of a voxel only. */
  const diagonal = rectangle(10, 10, 11, 11);
  const both = rectangleMask(grid, { xMin: 4, yMin: 4, xMax: 9, yMax: 9 }, { xMin: 13, yMin: 1, xMax: 14, yMax: 2 });

  test("the largest of the volume stays, which need not be the largest of a slice", async () => {
    expect(await areasWith({ keep: "largest", minimumVoxels: 0 }, both, block, nothing, speck)).toEqual([36, 36, 0, 0]);
    const tall = rectangle(1, 1, 3, 6);
    expect(await areasWith({ keep: "largest", minimumVoxels: 0 }, tall, tall, tall, nothing, block)).toEqual([
      18, 18, 18, 0, 0,
    ]);
  });

  test("26 neighbours by default, fewer where a plan says so", async () => {
    expect(await areasWith({ keep: "largest", minimumVoxels: 0 }, block, diagonal)).toEqual([36, 4]);
    expect(await areasWith({ keep: "largest", minimumVoxels: 0, connectivity: 18 }, block, diagonal)).toEqual([36, 0]);
    const beside = rectangle(10, 4, 11, 5);
    expect(await areasWith({ keep: "largest", minimumVoxels: 0, connectivity: 18 }, block, beside)).toEqual([36, 4]);
    expect(await areasWith({ keep: "largest", minimumVoxels: 0, connectivity: 6 }, block, beside)).toEqual([36, 0]);
  });

  test("all of at least so many voxels, or none", async () => {
    expect(await areasWith({ keep: "all", minimumVoxels: 8 }, both, speck, nothing, speck)).toEqual([40, 4, 0, 0]);
    expect(await areasWith({ keep: "largest", minimumVoxels: 37 }, block)).toEqual([0]);
  });

  test("per class; what is taken away is absent, and its probability is 0", async () => {
    const volume = volumeOf([block, nothing, speck], [speck, speck, speck]);
    const plan = keep({ keep: "largest", minimumVoxels: 0 });
    const slices = await collect(refineVolume(volume, plan, undefined, { displayRange }));
    expect(areas(slices, 1)).toEqual([36, 0, 0]);
    expect(areas(slices, 2)).toEqual([4, 4, 4]);
    expect(slices[2]?.result.outcomes.get(1)).toEqual({ kind: "absent" });
    expect(slices[2]?.result.outcomes.get(2)?.kind).toBe("kept-initial");
    const [taken] = slices[2]?.result.stack.segments ?? [];
    expect(taken?.probability?.[16 + 13]).toBe(0);
    expect(taken?.probability?.[0]).toBeCloseTo(0.1, 5);
  });

  test("after propagation, in its order, and progress is told slice by slice", async () => {
    const component = { keep: "largest", minimumVoxels: 0 } as const;
    const stop = { minimumArea: 4, minimumPredictedIou: 0, minimumNeighbourDice: 0, maximumCentroidShift: 9 };
    const plan: RefinementPlan = { ...tight, volume: { mode: "propagate", from: "every-slice", stop, component } };
    const sam = recordingSegmenter((prompt, x, y) => (x === 0 && y === 0 ? 4 : boxAnswer(prompt, x, y)));
    const completed: number[] = [];
    const slices: VolumeSlice[] = [];
    for await (const slice of refineVolume(volumeOf([block, block, block]), plan, sam, {
      displayRange,
      onProgress: (progress) => completed.push(progress.completed),
    })) {
      slices.push(slice);
      expect(completed).toEqual([0, 1, 2, 3]);
    }
    expect(slices.map(({ k }) => k)).toEqual([2, 1, 0]);
    // The pixel in the corner, which hangs together with itself only, is gone.
    expect(areas(slices)).toEqual([36, 36, 36]);
  });

  test("after three planes", async () => {
    const plan = keep({ keep: "largest", minimumVoxels: 0 }, "three-planes");
    const volume = volumeOf([both, both, both, both]);
    expect(areas(await collect(refineVolume(volume, plan, undefined, { displayRange })))).toEqual([36, 36, 36, 36]);
  });
});

test("refuses slices without proposals and grids or classes that change", async () => {
  const volume = volumeOf([block, block]);
  const run = (bad: VolumeToRefine) => collect(refineVolume(bad, presetPlan("raw"), undefined, { displayRange }));
  await expect(run({ ...volume, initial: volume.initial.slice(1) })).rejects.toMatchObject({ code: "shape-mismatch" });
  await expect(run({ slices: [], initial: [] })).rejects.toMatchObject({ code: "shape-mismatch" });
  const narrow: Image2D = { ...image, geometry: { columns: 8, rows: 32 } };
  await expect(run({ ...volume, slices: [image, narrow] })).rejects.toThrow(/Slice 1/);
});
