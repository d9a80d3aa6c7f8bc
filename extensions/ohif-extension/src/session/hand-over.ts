import { isRefineError, RefineError } from "@samrefine/core";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { ModelCatalogue } from "../models/model-catalogue.ts";
import { type NamedFile, saveFiles } from "../seg/save-files.ts";
import { writeTrainingCaseInWorker } from "../seg/seg-in-worker.ts";
import type { DownloadFormat, SegDeliveryReport, SegDeliveryRequest, SegStore } from "../seg/seg-store.ts";
import type { SeriesSource } from "../series/series-source.ts";
import type { Activity } from "./activity.ts";
import type { TrainingSeries } from "./training-set.ts";

/** A series with the segmentation of it that is to leave. */
export interface SegmentedSeries {
  readonly series: SeriesSource;
  readonly record: SegmentationRecord;
}

export interface HandOver {
  readonly format: DownloadFormat;
  readonly segStore: SegStore;
  readonly activity: Activity;
  readonly catalogue: ModelCatalogue | undefined;
  /** Estimated Dice below which a mask is doubtful, where its plan names no limit of its own. */
  readonly flagBelowDice: number;
}

/**
 * Stores one SEG per series. The first that the archive does not take ends it: those before it are stored, it and the rest can
 * be stored again.
 *
 * @returns What happened, for the user.
 * @throws RefineError `seg-encoding`, `dicomweb`, `configuration`
 */
export async function storeSegs(
  handOver: HandOver,
  segmented: readonly SegmentedSeries[],
  signal: AbortSignal,
): Promise<string> {
  const { activity, segStore } = handOver;
  const reports: SegDeliveryReport[] = [];
  for (const entry of segmented) {
    activity.show(labelOf("Storing", segmented.length), progressOf(reports.length, segmented.length));
    try {
      reports.push(await segStore.store(requestOf(handOver, entry, signal)));
    } catch (error) {
      throw reports.length > 0 ? afterStoring(reports.length, segmented.length, error) : error;
    }
  }
  const frameCount = reports.reduce((sum, report) => sum + report.frameCount, 0);
  const frames = `${frameCount} ${frameCount === 1 ? "frame" : "frames"}`;
  const what = reports.length === 1 ? frames : `${reports.length} SEGs, ${frames}`;
  const where = whereListed(
    reports.length,
    reports.every(({ isListed }) => isListed),
  );
  const elsewhere = reports.reduce((sum, report) => sum + report.framesElsewhere, 0);
  const rest = elsewhere === 0 ? "" : ` ${elsewhere} frames on other images stay in the SEG that was opened.`;
  return `Stored and read back: ${what}, identical. ${where}${rest}`;
}

/** Where the user finds what was stored. @param isListed false when the host could not renew its list */
export function whereListed(count: number, isListed: boolean): string {
  if (!isListed) return "Reload the study to see the list renewed.";
  return `${count === 1 ? "It is" : "They are"} listed among the series of this study.`;
}

/**
 * Saves one file per series, or a data set to train on that holds all of them.
 * @returns What happened, for the user.
 * @throws RefineError `seg-encoding`, `unsupported-dicom`, `configuration`
 */
export async function downloadFiles(
  handOver: HandOver,
  segmented: readonly SegmentedSeries[],
  signal: AbortSignal,
): Promise<string> {
  const { activity, format, segStore, flagBelowDice } = handOver;
  if (format === "nnunet" || format === "msd") {
    activity.show("Writing the data set", { completed: 0, total: undefined });
    // Read when it is asked for: few who open a study write a data set.
    const { trainingSetFiles } = await import("./training-set.ts");
    const entries: TrainingSeries[] = [];
    for (const entry of segmented) {
      // A case has one label map: of the segmentations of a series the current one, which comes first.
      if (entries.some(({ series }) => series === entry.series)) continue;
      entries.push({ ...entry, job: await segStore.job(requestOf(handOver, entry, signal)) });
    }
    const options = { flagBelowDice, writeCase: writeTrainingCaseInWorker, signal };
    await saveFiles(await trainingSetFiles(format, entries, options), `samrefine-${format}`);
    return `The ${FORMAT_NAME[format]} was downloaded: images and labels of ${entries.length} series.`;
  }
  const files: NamedFile[] = [];
  for (const entry of segmented) {
    activity.show(labelOf("Writing", segmented.length), progressOf(files.length, segmented.length));
    files.push(await segStore.file(requestOf(handOver, entry, signal), format));
  }
  await saveFiles(files, "samrefine");
  return files.length === 1
    ? `The ${FORMAT_NAME[format]} was downloaded.`
    : `${files.length} files (${FORMAT_NAME[format]}) were downloaded as one archive.`;
}

const FORMAT_NAME: Readonly<Record<DownloadFormat, string>> = {
  "dicom-seg": "DICOM SEG",
  nifti: "NIfTI label map",
  nrrd: "NRRD label map",
  "seg-nrrd": "seg.nrrd",
  png: "PNG label map",
  nnunet: "nnU-Net data set",
  msd: "Decathlon data set",
};

/** The failure of one SEG, with what was stored before it. */
function afterStoring(stored: number, total: number, error: unknown): unknown {
  if (!isRefineError(error)) return error;
  const { code, hint, details } = error;
  return new RefineError(code, `${stored} of ${total} SEGs are stored, the next one is not. ${error.message}`, {
    hint,
    details,
    cause: error,
  });
}

/** Lets the browser keep what leaves the screen unstored; see {@link SegStore.keepForLater}. */
export function keepForLater(
  handOver: Pick<HandOver, "catalogue" | "segStore">,
  segmented: readonly SegmentedSeries[],
): Promise<void> {
  // The study is closed, but this goes on.
  const { signal } = new AbortController();
  return handOver.segStore.keepForLater(segmented.map((entry) => requestOf(handOver, entry, signal)));
}

function requestOf(
  { catalogue }: Pick<HandOver, "catalogue">,
  { series, record }: SegmentedSeries,
  signal: AbortSignal,
): SegDeliveryRequest {
  const model = catalogue?.segmentation.find(({ manifest }) => manifest.id === record.modelId);
  return {
    series,
    record,
    networkName: model && `${model.manifest.id} ${model.manifest.version}`,
    promptableName: catalogue?.promptable?.manifest.id,
    planAsksPromptable: record.plan !== undefined && record.plan.passes.length > 0,
    signal,
  };
}

function labelOf(verb: string, count: number): string {
  return count === 1 ? `${verb} the SEG` : `${verb} ${count} SEGs`;
}

function progressOf(completed: number, total: number) {
  return { completed, total: total === 1 ? undefined : total };
}
