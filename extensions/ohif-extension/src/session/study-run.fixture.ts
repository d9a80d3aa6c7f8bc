import { presetPlan } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import { type LabelmapPort, SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { RefineryClient } from "../refinery/client.ts";
import { decodedFrame } from "../series/decoded-frame.fixture.ts";
import { MeasuredIntensities } from "../series/measured-intensity.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { Activity } from "./activity.ts";
import type { RecordBook, RecordChange } from "./record-book.ts";
import type { StudyRun } from "./study-run.ts";

const concept = { value: "1", scheme: "SCT", meaning: "x" };
const segment: SegmentationManifest["labels"][number] = {
  number: 1,
  label: "s1",
  colorRgb: [0, 0, 0],
  category: concept,
  type: concept,
};
const geometry = { columns: 8, rows: 8 };

function labelmap(sliceCount: number): LabelmapPort {
  const slices = Array.from({ length: sliceCount }, () => new Uint8Array(geometry.columns * geometry.rows));
  return {
    sliceCount,
    geometry: () => geometry,
    read: (slice) => slices[slice]!,
    write: (slice, labels) => slices[slice]!.set(labels),
    announce: () => {},
  };
}

/** A series of frames of 8 x 8 pixels whose upper half is bright. */
export function seriesOf(name: string, sliceCount: number, onRead: (slice: string) => void = () => {}): SeriesSource {
  const imageIds = Array.from({ length: sliceCount }, (_, slice) => `${name}/${slice}`);
  const data = Uint8Array.from({ length: 64 }, (_, i) => (i < 32 ? 250 : 5));
  return {
    displaySet: { displaySetInstanceUID: name },
    imageIds,
    sliceCount,
    direction: 1,
    frame: async (slice: number) => {
      onRead(imageIds[slice]!);
      return decodedFrame({ geometry, data, isScaled: true, bitsStored: 8 });
    },
  } as unknown as SeriesSource;
}

/** A network of one class for the frames of {@link seriesOf}. */
export const upperHalf: SegmentationManifest = {
  schema: "samrefine-model/1",
  id: "upper-half",
  version: "1",
  title: "Upper half",
  task: "semantic-segmentation",
  files: [{ role: "model", url: "m.onnx", sha256: "0".repeat(64), bytes: 1 }],
  licence: "Apache-2.0",
  source: "test",
  tensors: { input: "x", output: "y" },
  input: { ...geometry, channels: 1 },
  intensity: { kind: "fixed", scale: 255, mean: 0, standardDeviation: 1 },
  activation: "sigmoid",
  labels: [segment],
  appliesTo: [],
};

/** A run over made series with a book of its own. */
export function makeRun(client: Pick<RefineryClient, "request">, plan = "raw") {
  const life = new AbortController();
  const records = new Map<SeriesSource, SegmentationRecord>();
  const steps: (readonly RecordChange[])[] = [];
  const written: string[] = [];
  const book = {
    ofModel: (series: SeriesSource) => records.get(series),
    forModel: async (series: SeriesSource) => {
      const known = records.get(series);
      if (known) return known;
      const name = series.displaySet.displaySetInstanceUID;
      const record = new SegmentationRecord(name, labelmap(series.sliceCount), [segment], upperHalf.id);
      records.set(series, record);
      return record;
    },
    announceInTurn: async ({ segmentationId }: SegmentationRecord, slices: readonly number[]) =>
      written.push(...slices.map((slice) => `${segmentationId}/${slice}`)),
    pushStep: (_label: string, changes: readonly RecordChange[]) => steps.push(changes),
  } as unknown as RecordBook;
  const activity = new Activity({ life: life.signal, onChange: () => {} });
  const progress: string[] = [];
  const show = activity.show.bind(activity);
  activity.show = (label, { completed, total }) => {
    progress.push(`${label} ${completed}/${total}`);
    show(label, { completed, total });
  };
  const run: StudyRun = {
    book,
    activity,
    openClient: async () => client as RefineryClient,
    intensities: new MeasuredIntensities(),
    manifest: upperHalf,
    plan: presetPlan(plan),
    life: life.signal,
    visibleSlice: () => 0,
  };
  return { run, records, steps, written, progress };
}
