import { presetPlan, RefineError } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import { describe, expect, it } from "vitest";
import { type LabelmapPort, SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { RefineryClient } from "../refinery/client.ts";
import { MeasuredIntensities } from "../series/measured-intensity.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { Activity } from "./activity.ts";
import type { RecordBook, RecordChange } from "./record-book.ts";
import { runSummary, type StudyRun, segmentStudy } from "./study-run.ts";

const concept = { value: "1", scheme: "SCT", meaning: "x" };
const segment = { number: 1, label: "s1", colorRgb: [0, 0, 0] as const, category: concept, type: concept };

function labelmap(sliceCount: number): LabelmapPort {
  const slices = Array.from({ length: sliceCount }, () => new Uint8Array(4));
  return {
    sliceCount,
    geometry: () => ({ columns: 2, rows: 2 }),
    read: (slice) => slices[slice]!,
    write: (slice, labels) => slices[slice]!.set(labels),
    announce: () => {},
  };
}

function seriesOf(name: string, sliceCount: number): SeriesSource {
  const imageIds = Array.from({ length: sliceCount }, (_, slice) => `${name}/${slice}`);
  return {
    displaySet: { displaySetInstanceUID: name },
    imageIds,
    sliceCount,
    direction: 1,
    frame: async (slice: number) => ({ name, slice }),
  } as unknown as SeriesSource;
}

/** A run over made series; `answer` decides what the refinery says to a slice's key. */
function makeRun(answer: (key: string) => void) {
  const life = new AbortController();
  const records = new Map<SeriesSource, SegmentationRecord>();
  const steps: (readonly RecordChange[])[] = [];
  const asked: string[] = [];
  const book = {
    of: (series: SeriesSource) => records.get(series),
    forModel: async (series: SeriesSource) => {
      const known = records.get(series);
      if (known) return known;
      const record = new SegmentationRecord(series.imageIds[0]!, labelmap(series.sliceCount), [segment], "net");
      records.set(series, record);
      return record;
    },
    announce: () => {},
    pushStep: (_label: string, changes: readonly RecordChange[]) => steps.push(changes),
  } as unknown as RecordBook;
  const client = {
    request: async (_name: string, { slices: [slice] }: { slices: [{ key: string }] }) => {
      asked.push(slice.key);
      answer(slice.key);
      return {
        labels: Uint8Array.of(1, 0, 0, 0),
        hidden: [],
        segments: [
          { number: 1, areaPixels: 1, outcome: "kept-initial", reason: undefined, estimatedDice: 0.9, objects: [] },
        ],
      };
    },
  } as unknown as RefineryClient;
  const activity = new Activity({ life: life.signal, onChange: () => {}, onFailure: async () => {} });
  const progress: string[] = [];
  const show = activity.show.bind(activity);
  activity.show = (label, { completed, total }) => {
    progress.push(`${completed}/${total}`);
    show(label, { completed, total });
  };
  const run: StudyRun = {
    book,
    activity,
    client,
    intensities: new MeasuredIntensities(),
    manifest: { id: "net", input: { channels: 1 }, intensity: { kind: "fixed" } } as unknown as SegmentationManifest,
    plan: presetPlan("raw"),
    life: life.signal,
    visibleSlice: () => 0,
  };
  return { run, records, steps, asked, progress };
}

const never = new AbortController().signal;

describe("segmentStudy", () => {
  it("goes through every series, counts over all of them and makes one step of it", async () => {
    const { run, records, steps, asked, progress } = makeRun(() => {});
    const series = [seriesOf("a", 1), seriesOf("b", 2)];
    const outcome = await segmentStudy(run, series, never);
    expect(asked).toEqual(["a/0", "b/0", "b/1"]);
    expect(progress.at(0)).toBe("0/3");
    expect(progress.at(-1)).toBe("3/3");
    expect(steps).toHaveLength(1);
    expect(steps[0]?.map(({ change }) => change.slices.length)).toEqual([1, 2]);
    expect(runSummary(outcome, 0).text).toBe("3 of 3 slices in 2 series segmented.");

    for (const { record, change } of steps[0]!) record.applyChange(change, "before");
    expect([...records.values()].some(({ hasPixels }) => hasPixels)).toBe(false);
    expect([...records.values()].map(({ history }) => history.size)).toEqual([0, 0]);
  });

  it("leaves alone what a person reviewed", async () => {
    const { run, records, asked } = makeRun(() => {});
    const series = seriesOf("a", 3);
    await segmentStudy(run, [series], never);
    records.get(series)?.setQuality(1, { isReviewed: true, segments: [] });
    asked.length = 0;
    const outcome = await segmentStudy(run, [series], never);
    expect(asked).toEqual(["a/0", "a/2"]);
    expect(runSummary(outcome, 2).text).toBe(
      "2 of 3 slices segmented. 1 reviewed by you was left alone. 2 to check: press J to go to the next.",
    );
  });

  it("keeps what is finished when cancelled, and says of how many", async () => {
    const cancel = new AbortController();
    const { run, steps } = makeRun((key) => {
      if (key === "b/0") cancel.abort(new DOMException("Cancelled.", "AbortError"));
    });
    const outcome = await segmentStudy(run, [seriesOf("a", 1), seriesOf("b", 1), seriesOf("c", 1)], cancel.signal);
    expect(outcome.isCancelled).toBe(true);
    expect(steps[0]).toHaveLength(1);
    expect(runSummary(outcome, 0).text).toBe("Cancelled: 1 of 3 images are finished and kept.");
  });

  it("goes on after a series whose images cannot be read, and marks it", async () => {
    const { run } = makeRun((key) => {
      if (key.startsWith("a")) throw new RefineError("unsupported-dicom", "This image could not be decoded.");
    });
    const series = [seriesOf("a", 1), seriesOf("b", 1)];
    const outcome = await segmentStudy(run, series, never);
    expect(outcome.series.map(({ failedSlices }) => failedSlices.size)).toEqual([1, 0]);
    expect(runSummary(outcome, 0)).toEqual({
      text: "1 of 2 images segmented. 1 could not be segmented (marked ×).",
      tone: "warning",
    });
  });

  it("stops at a fault of the model: every other series would meet it too", async () => {
    const { run, asked, steps } = makeRun(() => {
      throw new RefineError("inference", "The model failed.");
    });
    await expect(segmentStudy(run, [seriesOf("a", 1), seriesOf("b", 1)], never)).rejects.toThrow("The model failed.");
    expect(asked).toEqual(["a/0"]);
    expect(steps).toEqual([]);
  });
});
