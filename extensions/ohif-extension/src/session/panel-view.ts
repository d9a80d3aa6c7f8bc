import type { BackendChoice, BackendReport } from "@samrefine/inference";
import type { SegmentationManifest } from "@samrefine/models";
import type { OhifHost } from "../host/ohif-host.ts";
import type { HostDisplaySet } from "../host-types.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { ModelCatalogue } from "../models/model-catalogue.ts";
import { describePlan, type RefinementChoice } from "../models/model-plan.ts";
import type { BackendPreference } from "../refinery/backend-preference.ts";
import { isFlagged, meanQuality, worstQuality } from "../run/quality.ts";
import type { DownloadFormat } from "../seg/seg-store.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { type PendingEdit, promptOf } from "../tool/pending-edit.ts";
import type { Activity } from "./activity.ts";
import type { PanelState, Phase, SegmentRow, SliceCell, SliceStrip } from "./panel-state.ts";

/** A series of the study that has to do with us. */
export interface StudyPart {
  readonly displaySet: HostDisplaySet;
  /** Undefined until it was looked at or segmented. */
  readonly series: SeriesSource | undefined;
  /** The current segmentation of the series. */
  readonly record: SegmentationRecord | undefined;
  /** Its other ones. */
  readonly others: readonly SegmentationRecord[];
  readonly failedSlices: ReadonlySet<number> | undefined;
}

/** All that the session knows and the panel shows. */
export interface PanelSources {
  readonly host: OhifHost;
  readonly series: SeriesSource | undefined;
  readonly record: SegmentationRecord | undefined;
  readonly parts: readonly StudyPart[];
  readonly catalogue: ModelCatalogue | undefined;
  readonly fits: (manifest: SegmentationManifest) => boolean;
  readonly selectedModel: string | undefined;
  readonly whyNoModel: readonly string[];
  /** How many series one click goes through. */
  readonly seriesToSegment: number;
  readonly refinement: RefinementChoice;
  readonly backend: BackendReport | undefined;
  readonly backendChoices: readonly BackendChoice[];
  readonly backendPreference: BackendPreference;
  readonly activity: Activity;
  /** Whether the archive holds this very content of a segmentation. */
  readonly isInArchive: (record: SegmentationRecord) => boolean;
  /** Whether it holds all that storing would make. */
  readonly isStored: boolean;
  /** How many SEGs storing would make. */
  readonly toHandOver: number;
  readonly hasUnstoredSeg: boolean;
  readonly waiting: PanelState["waiting"];
  readonly downloadFormat: DownloadFormat;
  readonly remarks: PanelState["remarks"];
  readonly pending: PendingEdit | undefined;
  readonly clickMode: PanelState["clickMode"];
  readonly arePromptsShown: boolean;
  readonly isToolInHand: boolean;
  /** Where a plan names no limit of its own. */
  readonly flagBelowDice: number;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

const NO_WEBGL =
  "This browser offers no WebGL: the viewer draws slowly and may not show masks, but they are computed and stored.";

export function buildPanelState(sources: PanelSources): PanelState {
  const { series, record, catalogue, activity } = sources;
  const segments = series && record ? segmentRows(sources.host, series, record) : [];
  const strips = sliceStrips(sources);
  return {
    phase: phaseOf(sources),
    status: activity.status,
    backend: backendText(sources.backend, sources.backendChoices),
    backendPreference: sources.backendPreference,
    seriesTitle: series && seriesTitle(series.displaySet),
    sliceCount: series?.sliceCount ?? 0,
    notes: [...(series?.notes ?? []), ...(sources.host.isDrawnOnCpu ? [NO_WEBGL] : [])],
    models: (catalogue?.segmentation ?? []).map(({ manifest }) => ({
      id: manifest.id,
      title: manifest.title,
      fits: sources.fits(manifest),
      plan: describePlan(manifest, sources.refinement),
    })),
    selectedModel: sources.selectedModel,
    ownModels: (catalogue?.own ?? []).map(({ manifest: { id, title } }) => ({ id, title })),
    whyNoModel: sources.whyNoModel,
    seriesToSegment: sources.seriesToSegment,
    refinement: sources.refinement,
    canAutoSegment: series !== undefined && sources.selectedModel !== undefined && activity.isIdle,
    progress: activity.progress,
    segments,
    otherSegmentations: otherSegmentations(sources),
    unit: series?.unit.kind ?? "pixels",
    strips,
    flaggedCount: strips.reduce((sum, { cells }) => sum + cells.filter(({ isFlagged }) => isFlagged).length, 0),
    flagBelowDice: record?.flagBelow(sources.flagBelowDice) ?? sources.flagBelowDice,
    pending: sources.pending && pendingView(sources.pending),
    clickMode: sources.clickMode,
    arePromptsShown: sources.arePromptsShown,
    isToolInHand: sources.isToolInHand,
    canUndo: sources.canUndo && activity.isIdle,
    canRedo: sources.canRedo && activity.isIdle,
    segsToStore: activity.isIdle ? sources.toHandOver : 0,
    hasUnstoredSeg: sources.hasUnstoredSeg,
    waiting: sources.waiting,
    downloadFormat: sources.downloadFormat,
    remarks: sources.remarks,
  };
}

function phaseOf({ activity, isStored, toHandOver, pending }: PanelSources): Phase {
  if (activity.kind !== "none") return activity.kind;
  if (activity.hasError) return "error";
  if (isStored) return "stored";
  return toHandOver > 0 || pending ? "review" : "idle";
}

/** What runs and on what; before anything ran, what will. */
function backendText(backend: BackendReport | undefined, choices: readonly BackendChoice[]): string {
  if (backend) {
    const places = [...new Set(choices.map(({ report }) => report.description))];
    const [place = backend.description] = places;
    const where =
      places.length > 1 ? choices.map(({ modelId, report }) => `${modelId}: ${report.description}`).join(" · ") : place;
    return `${where} · ONNX Runtime ${backend.onnxruntimeVersion} · on this computer`;
  }
  return globalThis.crossOriginIsolated
    ? "Runs on this computer; starts with the first use"
    : "Runs on this computer with 1 thread: the page is not cross-origin isolated";
}

function seriesTitle(displaySet: HostDisplaySet): string {
  const parts = [displaySet.Modality, displaySet.SeriesDescription?.trim(), imageCountText(displaySet)];
  return parts.filter(Boolean).join(" · ");
}

function imageCountText({ imageIds }: HostDisplaySet): string {
  return imageIds?.length === 1 ? "1 image" : `${imageIds?.length ?? 0} slices`;
}

function segmentRows(host: OhifHost, series: SeriesSource, record: SegmentationRecord): SegmentRow[] {
  const active = host.activeSegment(record.segmentationId);
  return record.segments.map(({ number, label, colorRgb, category, type }) => {
    let voxels = 0;
    let size = 0;
    for (let slice = 0; slice < series.sliceCount; slice++) {
      const pixels = record.pixels(slice, number);
      voxels += pixels;
      size += pixels * series.unit.perPixel[slice]!;
    }
    return {
      number,
      label,
      colorRgb,
      category,
      type,
      isVisible: host.isSegmentVisible(record.segmentationId, number),
      isActive: number === active,
      voxels,
      size,
      estimatedDice: meanQuality(record.segmentQualities(number)),
    };
  });
}

/** What else is drawn on the series on screen. */
function otherSegmentations({ host, series, parts, isInArchive }: PanelSources): PanelState["otherSegmentations"] {
  const others = parts.find((part) => part.series !== undefined && part.series === series)?.others ?? [];
  return others
    .filter(({ hasPixels }) => hasPixels)
    .map((record) => ({
      id: record.segmentationId,
      label: host.segmentation(record.segmentationId)?.label ?? "Segmentation",
      segments: record.segments.filter(({ number }) => record.hasPixelsOf(number)).map(({ label }) => label),
      isStored: isInArchive(record),
    }));
}

/** One strip per series; images that are series of their own (radiographs) follow each other in one strip. */
function sliceStrips({ host, series, parts, flagBelowDice }: PanelSources): SliceStrip[] {
  const strips: { title: string; isOfImages: boolean; cells: SliceCell[] }[] = [];
  for (const part of parts) {
    const { displaySet } = part;
    const sliceCount = displaySet.imageIds?.length ?? 0;
    const visible = part.series !== undefined && part.series === series ? host.visibleSlice(displaySet) : undefined;
    const cells = Array.from({ length: sliceCount }, (_, slice) => sliceCell(part, slice, visible, flagBelowDice));
    const last = strips.at(-1);
    if (sliceCount === 1 && last?.isOfImages) last.cells.push(...cells);
    else strips.push({ title: seriesTitle(displaySet), isOfImages: sliceCount === 1, cells });
  }
  return strips;
}

function sliceCell(
  { displaySet, record, failedSlices }: StudyPart,
  slice: number,
  visible: number | undefined,
  flagBelowDice: number,
): SliceCell {
  const quality = record?.quality(slice);
  const status = failedSlices?.has(slice) ? "failed" : quality?.isReviewed ? "reviewed" : quality ? "done" : "empty";
  return {
    displaySetUid: displaySet.displaySetInstanceUID,
    slice,
    status,
    worstDice: quality && worstQuality(quality),
    isFlagged: isFlagged(quality, record?.flagBelow(flagBelowDice) ?? flagBelowDice),
    isVisible: slice === visible,
  };
}

function pendingView(edit: PendingEdit): NonNullable<PanelState["pending"]> {
  const { points, box } = promptOf(edit);
  const label = edit.record.segments.find(({ number }) => number === edit.segment)?.label ?? "segment";
  return { segmentLabel: label, points: points.length, hasBox: box !== undefined, maskToken: edit.answer?.token };
}
