import type { BackendReport } from "@samrefine/inference";
import type { SegmentationManifest } from "@samrefine/models";
import type { OhifHost } from "../host/ohif-host.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { ModelCatalogue } from "../models/model-catalogue.ts";
import { describePlan, type RefinementChoice } from "../models/model-plan.ts";
import { isFlagged, meanQuality, worstQuality } from "../run/quality.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { type PendingEdit, promptOf } from "../tool/pending-edit.ts";
import type { PanelState, Phase, SegmentRow, SliceRow, StatusMessage } from "./panel-state.ts";

/** All that the session knows and the panel shows. */
export interface PanelSources {
  readonly host: OhifHost;
  readonly series: SeriesSource | undefined;
  readonly record: SegmentationRecord | undefined;
  readonly catalogue: ModelCatalogue | undefined;
  readonly fits: (manifest: SegmentationManifest) => boolean;
  readonly selectedModel: string | undefined;
  readonly refinement: RefinementChoice;
  readonly backend: BackendReport | undefined;
  readonly activity: "none" | "loading" | "running" | "storing";
  readonly hasError: boolean;
  readonly isStored: boolean;
  readonly hasUnstoredSeg: boolean;
  readonly status: StatusMessage;
  readonly progress: PanelState["progress"];
  readonly pending: PendingEdit | undefined;
  readonly clickMode: PanelState["clickMode"];
  readonly arePromptsShown: boolean;
  readonly failedSlices: ReadonlySet<number> | undefined;
  readonly flagBelowDice: number;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

const NO_WEBGL =
  "This browser offers no WebGL: the viewer draws slowly and may not show masks, but they are computed and stored.";

export function buildPanelState(sources: PanelSources): PanelState {
  const { series, record, catalogue, activity } = sources;
  const segments = series && record ? segmentRows(sources.host, series, record) : [];
  const slices = series ? sliceRows(sources, series) : [];
  const hasContent = segments.some(({ voxels }) => voxels > 0);
  return {
    phase: phaseOf(sources, hasContent),
    status: sources.status,
    backend: backendText(sources.backend),
    seriesTitle: series && seriesTitle(series),
    sliceCount: series?.sliceCount ?? 0,
    notes: [...(series?.notes ?? []), ...(sources.host.isDrawnOnCpu ? [NO_WEBGL] : [])],
    models: (catalogue?.segmentation ?? []).map(({ manifest }) => ({
      id: manifest.id,
      title: manifest.title,
      fits: sources.fits(manifest),
      plan: describePlan(manifest, sources.refinement),
    })),
    selectedModel: sources.selectedModel,
    refinement: sources.refinement,
    canAutoSegment: series !== undefined && sources.selectedModel !== undefined && activity === "none",
    progress: sources.progress,
    segments,
    unit: series?.unit.kind ?? "pixels",
    slices,
    flaggedCount: slices.filter((slice) => slice.isFlagged).length,
    flagBelowDice: sources.flagBelowDice,
    pending: sources.pending && pendingView(sources.pending),
    clickMode: sources.clickMode,
    arePromptsShown: sources.arePromptsShown,
    canUndo: sources.canUndo && activity === "none",
    canRedo: sources.canRedo && activity === "none",
    canStore: hasContent && activity === "none",
    hasUnstoredSeg: sources.hasUnstoredSeg,
  };
}

function phaseOf(sources: PanelSources, hasContent: boolean): Phase {
  if (sources.activity !== "none") return sources.activity;
  if (sources.hasError) return "error";
  if (sources.isStored) return "stored";
  return hasContent || sources.pending ? "review" : "idle";
}

/** What runs and on what; before anything ran, what will. */
function backendText(backend: BackendReport | undefined): string {
  if (backend) return `${backend.description} · ONNX Runtime ${backend.onnxruntimeVersion} · on this computer`;
  return globalThis.crossOriginIsolated
    ? "Runs on this computer; starts with the first use"
    : "Runs on this computer with 1 thread: the page is not cross-origin isolated";
}

function seriesTitle({ displaySet, sliceCount }: SeriesSource): string {
  const parts = [displaySet.Modality, displaySet.SeriesDescription?.trim(), sliceCountText(sliceCount)];
  return parts.filter(Boolean).join(" · ");
}

function sliceCountText(count: number): string {
  return count === 1 ? "1 image" : `${count} slices`;
}

function segmentRows(host: OhifHost, series: SeriesSource, record: SegmentationRecord): SegmentRow[] {
  const active = host.activeSegment(record.segmentationId);
  return record.segments.map(({ number, label, colorRgb }) => {
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
      isVisible: host.isSegmentVisible(record.segmentationId, number),
      isActive: number === active,
      voxels,
      size,
      estimatedDice: meanQuality(record.segmentQualities(number)),
    };
  });
}

function sliceRows({ host, record, failedSlices, flagBelowDice }: PanelSources, series: SeriesSource): SliceRow[] {
  const visible = host.visibleSlice(series.displaySet);
  return Array.from({ length: series.sliceCount }, (_, slice) => {
    const quality = record?.quality(slice);
    const status = failedSlices?.has(slice) ? "failed" : quality?.isReviewed ? "reviewed" : quality ? "done" : "empty";
    return {
      slice,
      status,
      worstDice: quality && worstQuality(quality),
      isFlagged: isFlagged(quality, flagBelowDice),
      isVisible: slice === visible,
    };
  });
}

function pendingView(edit: PendingEdit): NonNullable<PanelState["pending"]> {
  const { points, box } = promptOf(edit);
  const label = edit.record.segments.find(({ number }) => number === edit.segment)?.label ?? "segment";
  return { segmentLabel: label, points: points.length, hasBox: box !== undefined };
}
