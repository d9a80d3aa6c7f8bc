import { isRefineError, type RefinementPlan } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import type { SegmentationRecord, SliceState } from "../labelmap/segmentation-record.ts";
import type { RefineryClient } from "../refinery/client.ts";
import type { FrameReference, SliceResult } from "../refinery/contract.ts";
import { SentFrames } from "../refinery/recent-frames.ts";
import { outwardOrder } from "../run/slice-order.ts";
import { runSlices } from "../run/study-runner.ts";
import type { MeasuredIntensities } from "../series/measured-intensity.ts";
import type { SeriesSource } from "../series/series-source.ts";
import type { Activity } from "./activity.ts";
import { objectsOfResult, qualityOfResult } from "./apply-result.ts";
import type { StatusMessage } from "./panel-state.ts";
import type { RecordBook, RecordChange } from "./record-book.ts";

export interface StudyRun {
  readonly book: RecordBook;
  readonly activity: Activity;
  readonly client: RefineryClient;
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
  /** Undefined when the run ended before it came to the series. */
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

interface SeriesTask {
  readonly series: SeriesSource;
  readonly order: readonly number[];
  readonly reviewed: number;
}

/**
 * Segments every slice of the given series, one series after the other, as one undoable step. Slices that a person reviewed are
 * left alone. What is finished when the run is cancelled stays.
 *
 * @throws the first failure when nothing at all could be segmented
 */
export async function segmentStudy(
  run: StudyRun,
  allSeries: readonly SeriesSource[],
  signal: AbortSignal,
): Promise<StudyOutcome> {
  const { activity, book, life, manifest } = run;
  const tasks = allSeries.map((series) => taskOf(run, series));
  const total = tasks.reduce((sum, { order }) => sum + order.length, 0);
  let before = 0;
  let firstFailure: { readonly error: unknown } | undefined;
  const outcomes: SeriesOutcome[] = [];
  const changes: RecordChange[] = [];
  try {
    for (const task of tasks) {
      if (signal.aborted || life.aborted) break;
      const { series, order, reviewed } = task;
      const record = await book.forModel(series, manifest);
      const intensity = await run.intensities.of(series, manifest.intensity, run.client, {
        signal,
        onProgress: (completed) => activity.show("Reading the series", { completed, total: series.sliceCount }),
      });
      const historyBefore = record.history;
      record.markHistory(
        record.segments.map(({ number }) => number),
        { byNetwork: true },
      );
      const sent = new SentFrames();
      const slices: { slice: number; before: SliceState; after: SliceState }[] = [];
      activity.enter("running");
      const done = before;
      const outcome = await runSlices<SliceResult>(
        order,
        {
          process: async (slice, sliceSignal) => {
            const slices = await framesAround(series, slice, manifest.input.channels, sliceSignal, sent);
            return run.client.request(
              "segmentSlice",
              { modelId: manifest.id, plan: run.plan, intensity, slices },
              { signal: sliceSignal },
            );
          },
          apply: (slice, result) => {
            slices.push(applyResult(book, record, slice, result));
          },
        },
        {
          signal,
          onProgress: ({ completed }) =>
            activity.show(labelOf(tasks.length, outcomes.length), { completed: done + completed, total }),
        },
      );
      if (slices.length === 0) record.restoreHistory(historyBefore);
      else {
        record.plan = run.plan;
        changes.push({ record, change: { slices, historyBefore, historyAfter: record.history } });
      }
      before += order.length;
      outcomes.push({
        series,
        record,
        finished: outcome.finished.length,
        failedSlices: new Set(outcome.failed.map(({ slice }) => slice)),
        reviewed,
      });
      firstFailure ??= outcome.failed[0];
      // A fault of the model or the machine would meet every other series too.
      if (outcome.finished.length === 0 && outcome.failed.some(({ error }) => !isFaultOfImage(error))) break;
    }
  } finally {
    if (changes.length > 0 && !life.aborted) book.pushStep("auto-segment", changes);
  }
  if (firstFailure && changes.length === 0 && !signal.aborted) throw firstFailure.error;
  for (const { series, reviewed } of tasks.slice(outcomes.length)) {
    outcomes.push({ series, record: undefined, finished: 0, failedSlices: new Set(), reviewed });
  }
  return { series: outcomes, isCancelled: signal.aborted };
}

function taskOf({ book, manifest, visibleSlice }: StudyRun, series: SeriesSource): SeriesTask {
  const existing = book.of(series);
  const reviewed = existing?.modelId === manifest.id ? existing : undefined;
  const order = outwardOrder(series.sliceCount, visibleSlice(series)).filter(
    (slice) => !reviewed?.quality(slice)?.isReviewed,
  );
  return { series, order, reviewed: series.sliceCount - order.length };
}

function labelOf(seriesCount: number, index: number): string {
  return seriesCount === 1 ? "Segmenting slices" : `Segmenting series ${index + 1} of ${seriesCount}`;
}

function isFaultOfImage(error: unknown): boolean {
  return isRefineError(error, "unsupported-dicom");
}

function applyResult(book: RecordBook, record: SegmentationRecord, slice: number, result: SliceResult) {
  const before = record.state(slice);
  record.writeLabels(slice, result.labels);
  record.setHidden(slice, result.hidden);
  record.setObjects(slice, objectsOfResult(slice, result));
  record.setQuality(slice, qualityOfResult(result));
  book.announce(record, [slice]);
  return { slice, before, after: record.state(slice) };
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

/** What a person should know after a run, in a sentence or three. */
export function runSummary({ series, isCancelled }: StudyOutcome, flagged: number): StatusMessage {
  const finished = sum(series, (outcome) => outcome.finished);
  const reviewed = sum(series, (outcome) => outcome.reviewed);
  const failed = sum(series, ({ failedSlices }) => failedSlices.size);
  const total = sum(series, (outcome) => outcome.series.sliceCount);
  const slices = series.every((outcome) => outcome.series.sliceCount === 1) ? "images" : "slices";
  const parts: string[] = [];
  if (isCancelled) parts.push(`Cancelled: ${finished} of ${total} ${slices} are finished and kept.`);
  else if (total === 1) parts.push("Segmented.");
  else {
    const where = series.length > 1 && slices === "slices" ? ` in ${series.length} series` : "";
    parts.push(`${finished} of ${total} ${slices}${where} segmented.`);
  }
  if (reviewed > 0) parts.push(`${reviewed} reviewed by you ${reviewed === 1 ? "was" : "were"} left alone.`);
  if (failed > 0) parts.push(`${failed} could not be segmented (marked ×).`);
  if (flagged > 0) parts.push(`${flagged} to check: press J to go to the next.`);
  return { text: parts.join(" "), tone: failed > 0 ? "warning" : "info" };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
