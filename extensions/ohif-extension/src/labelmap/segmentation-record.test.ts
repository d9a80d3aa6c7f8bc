import { presetPlan } from "@samrefine/core";
import { describe, expect, it } from "vitest";
import { encodeMask } from "./runs.ts";
import { algorithmType, type Change, type LabelmapPort, SegmentationRecord, untouched } from "./segmentation-record.ts";

function memoryLabelmap(slices: Uint8Array[]): LabelmapPort & { readonly announced: number[][] } {
  const announced: number[][] = [];
  return {
    announced,
    sliceCount: slices.length,
    geometry: () => ({ columns: 2, rows: 2 }),
    read: (slice) => slices[slice]!,
    write: (slice, labels) => slices[slice]!.set(labels),
    announce: (changed) => announced.push([...changed]),
  };
}

const concept = { value: "1", scheme: "SCT", meaning: "x" };
const segment = (number: number) => ({
  number,
  label: `s${number}`,
  colorRgb: [0, 0, 0] as const,
  category: concept,
  type: concept,
});

describe("SegmentationRecord", () => {
  it("knows what it means to delete a segment: pixels, overlaps, prompts, estimates and history, and back", () => {
    const labelmap = memoryLabelmap([new Uint8Array(4), new Uint8Array(4), new Uint8Array(4)]);
    const record = new SegmentationRecord("id", labelmap, [segment(1), segment(2)], undefined);
    const object = (id: string, number: number) => ({
      id,
      segment: number,
      prompt: { points: [], box: undefined },
      mask: encodeMask(Uint8Array.of(1, 1, 0, 0)),
      origin: "person" as const,
    });
    const estimate = (number: number) => ({ number, areaPixels: 2, estimatedDice: 0.5, doubt: undefined });
    record.writeLabels(1, Uint8Array.of(1, 2, 2, 0));
    record.setHidden(1, [{ number: 1, pixels: Uint32Array.of(1) }]);
    record.setObjects(1, [object("a", 1), object("b", 2)]);
    record.setQuality(1, { segments: [estimate(1), estimate(2)], isReviewed: false });
    record.writeLabels(2, Uint8Array.of(1, 0, 0, 0));
    record.markHistory([1, 2], { byNetwork: true });

    const change = record.changeToRemove(2);
    expect(change.slices.map(({ slice }) => slice)).toEqual([1]);
    record.applyChange(change, "after");
    expect([...labelmap.read(1)]).toEqual([1, 1, 0, 0]);
    expect([record.pixels(1, 1), record.pixels(1, 2)]).toEqual([2, 0]);
    expect(record.objects(1).map(({ id }) => id)).toEqual(["a"]);
    expect(record.segmentQualities(2)).toEqual([]);
    expect(record.history.has(2)).toBe(false);

    record.applyChange(change, "before");
    expect([...labelmap.read(1)]).toEqual([1, 2, 2, 0]);
    expect([record.pixels(1, 1), record.pixels(1, 2)]).toEqual([2, 2]);
    expect(record.objects(1)).toHaveLength(2);
    expect(record.history.get(2)).toMatchObject({ byNetwork: true });
  });

  it("gives no number to a new segment that another one had", () => {
    const record = new SegmentationRecord("id", memoryLabelmap([]), [segment(1), segment(4)], undefined);
    record.setSegments([segment(1)]);
    expect(record.unusedNumber).toBe(5);
  });

  it("undoes and redoes a step with labels, overlaps, prompts, quality and history", () => {
    const labelmap = memoryLabelmap([new Uint8Array(4), new Uint8Array(4)]);
    const record = new SegmentationRecord("id", labelmap, [segment(1), segment(2)], undefined);
    const before = record.state(1);
    const historyBefore = record.history;

    record.writeLabels(1, Uint8Array.of(1, 2, 2, 0));
    record.setHidden(1, [{ number: 1, pixels: Uint32Array.of(1) }]);
    record.setObjects(1, [
      {
        id: "o",
        segment: 1,
        prompt: { points: [], box: undefined },
        mask: encodeMask(Uint8Array.of(1, 1, 0, 0)),
        origin: "person",
      },
    ]);
    record.setQuality(1, { segments: [], isReviewed: true });
    record.markHistory([1], { byPrompts: true });
    const change: Change = {
      slices: [{ slice: 1, before, after: record.state(1) }],
      historyBefore,
      historyAfter: record.history,
    };
    expect([record.pixels(1, 1), record.pixels(1, 2)]).toEqual([2, 2]);

    record.applyChange(change, "before");
    expect([...labelmap.read(1)]).toEqual([0, 0, 0, 0]);
    expect(record.objects(1)).toEqual([]);
    expect(record.quality(1)).toBeUndefined();
    expect(record.history.size).toBe(0);
    expect(record.pixels(1, 1)).toBe(0);

    record.applyChange(change, "after");
    expect([...labelmap.read(1)]).toEqual([1, 2, 2, 0]);
    expect([...record.mask(1, 1)]).toEqual([1, 1, 0, 0]);
    expect(record.objects(1)).toHaveLength(1);
    expect(record.history.get(1)).toEqual({ ...untouched, byPrompts: true });
    expect(labelmap.announced).toEqual([[1], [1]]);
  });

  it("tells a change by the host from a mere redraw", () => {
    const labelmap = memoryLabelmap([Uint8Array.of(0, 1, 0, 0), new Uint8Array(4)]);
    const record = new SegmentationRecord("id", labelmap, [segment(1)], undefined);
    labelmap.read(0)[0] = 1;
    expect(record.differsFromCounts(), "nothing was counted yet").toBe(false);
    record.recount(1000);
    expect(record.differsFromCounts()).toBe(false);
    labelmap.read(1)[3] = 1;
    expect(record.differsFromCounts()).toBe(true);
    record.invalidate();
    expect(record.differsFromCounts(), "the counts are known to be old").toBe(false);
  });

  it("counts again after the host painted", () => {
    const slices = [Uint8Array.of(1, 0, 0, 0)];
    const record = new SegmentationRecord("id", memoryLabelmap(slices), [segment(1)], undefined);
    expect(record.recount(1000)).toBe(true);
    expect(record.pixels(0, 1)).toBe(1);
    slices[0]!.fill(1);
    record.invalidate();
    expect(record.pixels(0, 1)).toBe(1);
    expect(record.recount(1000)).toBe(true);
    expect(record.pixels(0, 1)).toBe(4);
  });
});

describe("segmentQualities", () => {
  it("follows every new estimate and every step back", () => {
    const record = new SegmentationRecord("id", memoryLabelmap([new Uint8Array(4), new Uint8Array(4)]), [], undefined);
    const estimate = (number: number, estimatedDice: number) => ({
      number,
      areaPixels: 1,
      estimatedDice,
      doubt: undefined,
    });
    const dices = (number: number) => record.segmentQualities(number).map(({ estimatedDice }) => estimatedDice);
    const before = record.state(1);
    record.setQuality(0, { isReviewed: false, segments: [estimate(1, 0.5), estimate(2, 0.6)] });
    expect(dices(1)).toEqual([0.5]);
    record.setQuality(1, { isReviewed: false, segments: [estimate(1, 0.7)] });
    expect([dices(1), dices(2), dices(3)]).toEqual([[0.5, 0.7], [0.6], []]);
    record.restore(1, before);
    expect(dices(1)).toEqual([0.5]);
  });
});

describe("recount", () => {
  it("does a few slices at a time", () => {
    const record = new SegmentationRecord(
      "id",
      memoryLabelmap(Array.from({ length: 5 }, () => new Uint8Array(4))),
      [],
      undefined,
    );
    let turns = 1;
    while (!record.recount(0)) turns++;
    expect(turns).toBe(5);
  });
});

describe("algorithmType", () => {
  it("tells from the true history", () => {
    expect(algorithmType({ ...untouched, byNetwork: true })).toBe("AUTOMATIC");
    expect(algorithmType({ ...untouched, byNetwork: true, byHand: true })).toBe("SEMIAUTOMATIC");
    expect(algorithmType({ ...untouched, byPrompts: true })).toBe("SEMIAUTOMATIC");
    expect(algorithmType({ ...untouched, byHand: true })).toBe("MANUAL");
  });

  it("flags by the limit of the plan that made the masks, and by the viewer's where it names none", () => {
    const record = new SegmentationRecord("id", memoryLabelmap([new Uint8Array(4)]), [segment(1)], undefined);
    const segments = [{ number: 1, areaPixels: 1, estimatedDice: 0.7, doubt: undefined }];
    record.setQuality(0, { segments, isReviewed: false });
    expect(record.flagged(0.75)).toEqual([0]);
    record.plan = { ...presetPlan("raw"), flagBelow: 0.65 };
    expect(record.flagged(0.75)).toEqual([]);
  });

  it("takes a slice that the host's brush changed for reviewed, and forgets what was estimated of what changed", () => {
    const labelmap = memoryLabelmap([Uint8Array.of(1, 2, 2, 0), Uint8Array.of(1, 2, 2, 0)]);
    const record = new SegmentationRecord("id", labelmap, [segment(1), segment(2)], undefined);
    const estimate = (number: number) => ({ number, areaPixels: 1, estimatedDice: 0.5, doubt: undefined });
    for (const slice of [0, 1]) record.setQuality(slice, { segments: [estimate(1), estimate(2)], isReviewed: false });
    record.recount(Infinity);
    expect(record.flagged(0.75)).toEqual([0, 1]);

    labelmap.write(1, Uint8Array.of(1, 1, 2, 0));
    labelmap.write(0, Uint8Array.of(1, 2, 2, 1));
    record.invalidate();
    record.recount(Infinity);
    expect(record.quality(0)).toEqual({ segments: [estimate(2)], isReviewed: true });
    expect(record.quality(1)).toEqual({ segments: [], isReviewed: true });
    expect(record.flagged(0.75)).toEqual([]);
  });

  it("does not take our own writing, or the host's drawing of what is there, for a person's work", () => {
    const record = new SegmentationRecord("id", memoryLabelmap([new Uint8Array(4)]), [segment(1)], undefined);
    record.knowEmpty();
    expect(record.differsFromCounts()).toBe(false);
    record.writeLabels(0, Uint8Array.of(1, 0, 0, 0));
    record.invalidate();
    record.recount(Infinity);
    expect(record.quality(0)).toBeUndefined();
  });
});
