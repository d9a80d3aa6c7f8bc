import { type IntensityTransform, isRefineError, type RefinementPlan } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import { nextTask } from "../host/next-task.ts";
import type { Change, SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { RefineryClient } from "../refinery/client.ts";
import type { FrameReference, SliceResult } from "../refinery/contract.ts";
import { SentFrames } from "../refinery/recent-frames.ts";
import { outwardOrder } from "../run/slice-order.ts";
import { type FailedSlice, runSlices } from "../run/study-runner.ts";
import type { MeasuredIntensities } from "../series/measured-intensity.ts";
import type { SeriesSource } from "../series/series-source.ts";
import type { Activity } from "./activity.ts";
import { stateOfResult } from "./apply-result.ts";
import type { RecordBook, RecordChange } from "./record-book.ts";

export interface StudyRun {
  readonly book: RecordBook;
  readonly activity: Activity;
  /** The worker with the models in it; another one when it was lost. */
  readonly openClient: () => Promise<RefineryClient>;
  readonly intensities: MeasuredIntensities;
  readonly manifest: SegmentationManifest;
  readonly plan: RefinementPlan;
  /** Aborted when the study is closed. */
  readonly life: AbortSignal;
  /** The slice that is segmented first. */
  readonly visibleSlice: (series: SeriesSource) => number;
}

/** What a run did to one series. */
export interface SeriesOutcome {
  readonly series: SeriesSource;
  /** Undefined where there is none, because the run ended before it came to the series. */
  readonly record: SegmentationRecord | undefined;
  readonly finished: number;
  readonly failedSlices: ReadonlySet<number>;
  /** Left alone, because a person had corrected them. */
  readonly reviewed: number;
}

export interface StudyOutcome {
  readonly series: readonly SeriesOutcome[];
  readonly isCancelled: boolean;
}

/** A series on its way through a run. */
interface SeriesTask {
  readonly series: SeriesSource;
  readonly order: readonly number[];
  reviewed: number;
  record: SegmentationRecord | undefined;
  /** From here on, since its first slice is on its way. */
  preparing: Promise<PreparedSeries> | undefined;
  /** Undefined until the run came to the series. */
  historyBefore: SegmentationRecord["history"] | undefined;
  readonly applied: Change["slices"][number][];
  /** Written, but the host has not been told. */
  readonly unannounced: number[];
  announcedMs: number;
}

interface PreparedSeries {
  readonly record: SegmentationRecord;
  readonly intensity: IntensityTransform | undefined;
  readonly sent: SentFrames;
}

interface StudySlice {
  readonly task: SeriesTask;
  readonly slice: number;
}

/**
 * Segments every slice of the given series as one undoable step. All of them pass through one pipeline, one series after the
 * other: while the models run on a slice, the next one, be it of the next series, is read and prepared, and the one before it
 * is written. Slices that a person reviewed are left alone. What is finished when the run is cancelled stays. When the worker is
 * lost, the slices that were under way are asked of its successor, once.
 *
 * @throws the first failure when nothing at all could be segmented
 */
export async function segmentStudy(
  run: StudyRun,
  allSeries: readonly SeriesSource[],
  signal: AbortSignal,
): Promise<StudyOutcome> {
  const { activity, book, life, manifest, plan } = run;
  let client = await run.openClient();
  const tasks: SeriesTask[] = [];
  for (const series of allSeries) tasks.push(await taskOf(run, series));
  const slices = tasks.flatMap((task) => task.order.map((slice): StudySlice => ({ task, slice })));
  const label = labelOf(allSeries);
  let completed = 0;
  const show = () => activity.show(label, { completed, total: slices.length });

  // One after the other: the worker measures one series at a time.
  let lastPreparing: Promise<unknown> = Promise.resolve();
  const prepare = (task: SeriesTask): Promise<PreparedSeries> => {
    if (task.preparing) return task.preparing;
    const preparing = lastPreparing.then(async () => {
      signal.throwIfAborted();
      const prepared = await prepareSeries(run, client, task, signal, (read) => {
        // Not while slices of an earlier series are on their way: they are what a person waits for.
        if (activity.kind !== "running") activity.show("Reading the series", read);
      });
      if (activity.kind !== "running") {
        activity.enter("running");
        show();
      }
      return prepared;
    });
    task.preparing = preparing;
    lastPreparing = preparing.catch(() => {});
    return preparing;
  };

  let lastSecondTry: Promise<unknown> = Promise.resolve();
  const ask = async ({ task, slice }: StudySlice, sliceSignal: AbortSignal): Promise<SliceResult> => {
    const { intensity, sent } = await prepare(task);
    const frames = await framesAround(task.series, slice, manifest.input.channels, sliceSignal, sent);
    return client.request(
      "segmentSlice",
      { modelId: manifest.id, plan, intensity, slices: frames },
      { signal: sliceSignal },
    );
  };

  try {
    const { failed } = await runSlices<StudySlice, SliceResult>(
      slices,
      {
        // A series in which nothing works is given up; a fault of the model or the machine would meet the others too.
        isWanted: ({ task }, failed) =>
          !isGivenUp(task, failed) &&
          !failed.some(({ slice, error }) => !isFaultOfImage(error) && isGivenUp(slice.task, failed)),
        process: async (slice, sliceSignal) => {
          const asked = client;
          try {
            return await ask(slice, sliceSignal);
          } catch (error) {
            if (!asked.isLost || sliceSignal.aborted) throw error;
            // One at a time, so that a slice that ends its worker again takes none of those along that went down with it.
            const secondTry = lastSecondTry.then(async () => {
              sliceSignal.throwIfAborted();
              const successor = await run.openClient();
              if (successor !== client) {
                client = successor;
                // It has seen nothing of any series.
                for (const task of tasks) task.preparing = undefined;
              }
              return ask(slice, sliceSignal);
            });
            lastSecondTry = secondTry.catch(() => {});
            return secondTry;
          }
        },
        apply: async ({ task, slice }, result) => {
          const record = task.record!;
          // Taking the result in, writing it and the host's answer are a task each, and none of them long.
          await nextTask();
          const [before, after] = [record.state(slice), stateOfResult(slice, result)];
          if (before.quality?.isReviewed) {
            // Drawn on while the models were at work.
            task.reviewed++;
            return;
          }
          record.restore(slice, after);
          record.plan = plan;
          task.applied.push({ slice, before, after });
          task.unannounced.push(slice);
          // What the host draws takes the processors from the models, and nobody sees more than a few pictures a second.
          const isLast = task.applied.length + task.reviewed === task.series.sliceCount;
          if (!isLast && performance.now() < task.announcedMs + ANNOUNCE_PAUSE_MS) return;
          await nextTask();
          await announce(book, task);
        },
      },
      {
        signal,
        // A network is through with a small slice sooner than the host has drawn the one before; SAM takes longer than that.
        concurrency: plan.passes.length > 0 ? 2 : 4,
        onProgress: (progress) => {
          completed = progress.completed;
          if (activity.kind === "running") show();
        },
      },
    );
    if (failed[0] && tasks.every(({ applied }) => applied.length === 0) && !signal.aborted) throw failed[0].error;
    return { series: tasks.map((task) => outcomeOf(task, failed)), isCancelled: signal.aborted };
  } finally {
    if (!life.aborted) for (const task of tasks) await announce(book, task);
    const changes = tasks.flatMap(changeOf);
    if (changes.length > 0 && !life.aborted) book.pushStep("auto-segment", changes);
  }
}

async function taskOf({ book, manifest, visibleSlice }: StudyRun, series: SeriesSource): Promise<SeriesTask> {
  const record = book.ofModel(series, manifest.id);
  // A stroke of the brush that is not counted yet is a person's work as well.
  while (record?.recount(RECOUNT_TURN_MS) === false) await nextTask();
  const order = outwardOrder(series.sliceCount, visibleSlice(series)).filter(
    (slice) => !record?.quality(slice)?.isReviewed,
  );
  const reviewed = series.sliceCount - order.length;
  return {
    series,
    order,
    reviewed,
    record,
    historyBefore: undefined,
    preparing: undefined,
    applied: [],
    unannounced: [],
    announcedMs: Number.NEGATIVE_INFINITY,
  };
}

/** Lets the host draw what was written since it was last told. */
async function announce(book: RecordBook, task: SeriesTask): Promise<void> {
  const { record, unannounced } = task;
  if (!record || unannounced.length === 0) return;
  task.announcedMs = performance.now();
  await book.announceInTurn(record, unannounced.splice(0));
}

async function prepareSeries(
  { book, intensities, manifest }: StudyRun,
  client: RefineryClient,
  task: SeriesTask,
  signal: AbortSignal,
  onRead: (progress: { readonly completed: number; readonly total: number }) => void,
): Promise<PreparedSeries> {
  const { series } = task;
  const record = await book.forModel(series, manifest);
  const intensity = await intensities.of(series, manifest.intensity, client, {
    signal,
    onProgress: (completed) => onRead({ completed, total: series.sliceCount }),
  });
  task.record = record;
  task.historyBefore ??= record.history;
  record.markHistory(
    record.segments.map(({ number }) => number),
    { byNetwork: true },
  );
  return { record, intensity, sent: new SentFrames() };
}

/** What the run did to the series, to be undone; a series without a finished slice is as it was. */
function changeOf({ record, historyBefore, applied }: SeriesTask): RecordChange[] {
  if (!record || !historyBefore) return [];
  if (applied.length === 0) {
    record.restoreHistory(historyBefore);
    return [];
  }
  return [{ record, change: { slices: applied, historyBefore, historyAfter: record.history } }];
}

function outcomeOf(task: SeriesTask, failed: readonly FailedSlice<StudySlice>[]): SeriesOutcome {
  const { series, record, applied, reviewed } = task;
  const failedSlices = new Set(failuresOf(task, failed).map(({ slice }) => slice.slice));
  return { series, record, finished: applied.length, failedSlices, reviewed };
}

function failuresOf(task: SeriesTask, failed: readonly FailedSlice<StudySlice>[]): readonly FailedSlice<StudySlice>[] {
  return failed.filter(({ slice }) => slice.task === task);
}

/** The first slices all failed, and none is finished. */
function isGivenUp(task: SeriesTask, failed: readonly FailedSlice<StudySlice>[]): boolean {
  const limit = Math.min(HOPELESS_AFTER, task.order.length);
  return task.applied.length === 0 && failuresOf(task, failed).length >= limit;
}

const HOPELESS_AFTER = 3;
const RECOUNT_TURN_MS = 10;
const ANNOUNCE_PAUSE_MS = 200;

function isFaultOfImage(error: unknown): boolean {
  return isRefineError(error, "unsupported-dicom");
}

function labelOf(allSeries: readonly SeriesSource[]): string {
  if (allSeries.every(({ sliceCount }) => sliceCount === 1)) return "Segmenting images";
  return allSeries.length === 1 ? "Segmenting slices" : `Segmenting slices of ${allSeries.length} series`;
}

/**
 * A slice with its neighbours in ascending position along the slice normal, as networks are trained, whatever the display order
 * is; the slice alone for a network of one channel.
 */
async function framesAround(
  series: SeriesSource,
  slice: number,
  channels: number,
  signal: AbortSignal,
  sent: SentFrames,
): Promise<FrameReference[]> {
  const half = Math.floor(channels / 2);
  const indices = Array.from({ length: channels }, (_, channel) =>
    Math.min(Math.max(slice + series.direction * (channel - half), 0), series.sliceCount - 1),
  );
  const frames = await Promise.all(indices.map((index) => series.frame(index, signal)));
  // After the last wait: what is counted as sent is sent in this order.
  return frames.map((frame, channel) => {
    const key = series.imageIds[indices[channel]!]!;
    return channels > 1 ? sent.reference(key, frame) : { key, frame };
  });
}
