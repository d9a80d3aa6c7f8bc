import type { OhifHost } from "../host/ohif-host.ts";
import type { HostDisplaySet, HostSegment, HostSegmentation } from "../host-types.ts";
import { hostLabelmap } from "../labelmap/host-labelmap.ts";
import {
  type Change,
  SegmentationRecord,
  type SegmentHistory,
  type SegmentInfo,
} from "../labelmap/segmentation-record.ts";
import type { ReadSeg } from "../seg/read-seg.ts";
import { remarksOf, withEdit } from "../seg/stored-remarks.ts";
import { openSeries, type SeriesSource } from "../series/series-source.ts";
import { defaultSegment } from "./default-segment.ts";

export interface RecordBookPorts {
  readonly host: OhifHost;
  /** What a stored SEG said that the host opened as this segmentation; undefined when it comes from no SEG. */
  readonly readSegOf: (segmentationId: string) => ReadSeg | undefined;
  readonly life: AbortSignal;
  readonly onChange: () => void;
  readonly onUndone: (text: string) => void;
}

export type SegmentEdit = Pick<SegmentInfo, "label" | "colorRgb" | "category" | "type">;

/** What one step changed in one segmentation. */
export interface RecordChange {
  readonly record: SegmentationRecord;
  readonly change: Change;
}

/** The open series of the study and their segmentations: ours and those that the host brought. */
export class RecordBook {
  readonly #host: OhifHost;
  readonly #ports: RecordBookPorts;
  /** Keyed by display set. */
  readonly #openedSeries = new Map<string, SeriesSource>();
  /** Keyed by the host's segmentation id. */
  readonly #records = new Map<string, SegmentationRecord>();
  /** Display set that a segmentation lies on; one may bear several. Keyed by the host's segmentation id. */
  readonly #displaySetOf = new Map<string, string>();
  /** Which record is the current one of a display set. */
  readonly #currentRecord = new Map<string, string>();
  /** Revision that a record had when it was taken over from the host. */
  readonly #adoptedAt = new WeakMap<SegmentationRecord, number>();
  #making: Promise<unknown> = Promise.resolve();
  /** A label map may be made for one series while another one is written. */
  #writes = 0;

  constructor(ports: RecordBookPorts) {
    this.#host = ports.host;
    this.#ports = ports;
  }

  /** True while we write ourselves: what the host then says is no edit by a person. */
  get isWriting(): boolean {
    return this.#writes > 0;
  }

  /** @throws RefineError `unsupported-dicom` */
  open(displaySet: HostDisplaySet): SeriesSource {
    const known = this.#openedSeries.get(displaySet.displaySetInstanceUID);
    if (known && known.displaySet === displaySet) return known;
    const series = openSeries(displaySet);
    this.#openedSeries.set(displaySet.displaySetInstanceUID, series);
    return series;
  }

  /** The current record of a series: the host's active label map, ours or adopted. */
  of(series: SeriesSource): SegmentationRecord | undefined {
    const uid = series.displaySet.displaySetInstanceUID;
    const active = this.#host.activeSegmentation(series.displaySet);
    if (active) {
      this.#currentRecord.set(uid, active.segmentationId);
      const known = this.#records.get(active.segmentationId);
      return known ? this.#withHostSegments(known, active) : this.#adopt(active, uid);
    }
    return this.#records.get(this.#currentRecord.get(uid) ?? "");
  }

  /** True when a series has a record, without adopting one. */
  has(displaySetUid: string): boolean {
    return this.#records.has(this.#currentRecord.get(displaySetUid) ?? "");
  }

  byId(segmentationId: string): SegmentationRecord | undefined {
    return this.#records.get(segmentationId);
  }

  /** Every known segmentation of a series, the current one first. */
  allOf(series: SeriesSource): readonly SegmentationRecord[] {
    const current = this.of(series);
    const uid = series.displaySet.displaySetInstanceUID;
    const others = [...this.#records.values()].filter(
      (record) => record !== current && this.#displaySetOf.get(record.segmentationId) === uid,
    );
    return current ? [current, ...others] : others;
  }

  /** The segmentation that a model made of a series; a person may have gone on with another one since. */
  ofModel(series: SeriesSource, modelId: string): SegmentationRecord | undefined {
    return this.allOf(series).find((record) => record.modelId === modelId);
  }

  seriesOf(record: SegmentationRecord): SeriesSource | undefined {
    return this.#openedSeries.get(this.#displaySetOf.get(record.segmentationId) ?? "");
  }

  /** Every known segmentation with the series that it lies on. */
  *all(): Iterable<{ readonly series: SeriesSource; readonly record: SegmentationRecord }> {
    for (const record of this.#records.values()) {
      const series = this.seriesOf(record);
      if (series) yield { series, record };
    }
  }

  /** Lets clicks, brushes and the list of segments be about this segmentation of a series. */
  makeCurrent(series: SeriesSource, record: SegmentationRecord): void {
    this.#currentRecord.set(series.displaySet.displaySetInstanceUID, record.segmentationId);
    this.#write(() => this.#host.activateSegmentation(series.displaySet, record.segmentationId));
  }

  /** False for a segmentation that the host brought and nobody changed here. */
  isTouched(record: SegmentationRecord): boolean {
    return this.#adoptedAt.get(record) !== record.revision;
  }

  /** The current segmentation, or a new one; with a segment to draw into. */
  async ensure(series: SeriesSource): Promise<SegmentationRecord> {
    const known = this.of(series);
    if (!known) return this.#create(series, "SAM Refine", [defaultSegment(1)], undefined);
    if (known.segments.length === 0) this.addSegment(known, defaultSegment(known.unusedNumber));
    return known;
  }

  /** Adds a segment and makes it the active one. */
  addSegment(record: SegmentationRecord, segment: SegmentInfo): void {
    const { segmentationId } = record;
    this.#write(() => {
      this.#host.addSegment(segmentationId, segment.number, segment.label);
      this.#host.setSegmentColor(segmentationId, segment.number, segment.colorRgb);
      this.#host.setActiveSegment(segmentationId, segment.number);
      record.setSegments([...record.segments.filter(({ number }) => number !== segment.number), segment]);
    });
    this.#ports.onChange();
  }

  /** Deletes a segment with all its pixels, prompts and estimates, as one undoable step. */
  removeSegment(record: SegmentationRecord, number: number): void {
    const { segmentationId } = record;
    const place = record.segments.findIndex((segment) => segment.number === number);
    const info = record.segments[place];
    if (!info) return;
    const change = record.changeToRemove(number);
    const neighbour = record.segments[place + 1] ?? record.segments[place - 1];
    let removed: HostSegment | undefined;
    const remove = () =>
      this.#write(() => {
        const isActive = this.#host.activeSegment(segmentationId) === number;
        record.applyChange(change, "after");
        removed = this.#host.removeSegment(segmentationId, number);
        record.setSegments(record.segments.filter((segment) => segment.number !== number));
        if (isActive && neighbour) this.#host.setActiveSegment(segmentationId, neighbour.number);
      });
    const restore = () =>
      this.#write(() => {
        if (removed) this.#host.restoreSegment(segmentationId, { ...removed, active: false });
        record.setSegments(record.segments.toSpliced(place, 0, info));
        record.applyChange(change, "before");
        this.#host.setActiveSegment(segmentationId, number);
      });
    remove();
    this.#ports.onChange();
    this.#host.history.push({
      restoreMemo: (isUndo?: boolean) => {
        if (this.#ports.life.aborted || !this.#records.has(segmentationId)) return;
        if (isUndo) restore();
        else remove();
        this.#ports.onUndone(`${isUndo ? "Undone" : "Redone"}: delete ${info.label}.`);
      },
    });
  }

  async forModel(
    series: SeriesSource,
    model: { readonly id: string; readonly title: string; readonly labels: readonly SegmentInfo[] },
  ): Promise<SegmentationRecord> {
    const known = this.ofModel(series, model.id);
    if (known) {
      this.makeCurrent(series, known);
      // A person may have deleted some; the model finds them again.
      for (const label of model.labels) {
        if (known.segments.every(({ number }) => number !== label.number)) this.addSegment(known, label);
      }
      return known;
    }
    return this.#create(series, model.title, model.labels, model.id);
  }

  /** Forgets what the host removed. @returns the ids that are gone */
  forgetRemoved(): ReadonlySet<string> {
    const gone = new Set<string>();
    for (const id of this.#records.keys()) {
      if (this.#host.segmentation(id)) continue;
      this.#records.delete(id);
      this.#displaySetOf.delete(id);
      gone.add(id);
    }
    return gone;
  }

  /** Lets the host draw slices that were written. */
  announce(record: SegmentationRecord, slices: readonly number[]): void {
    this.#write(() => record.labelmap.announce(slices));
    this.#ports.onChange();
  }

  /**
   * {@link announce}, but not while a label map of another series is being made: in that moment the host's drawing may stop at
   * the new one, which no viewport shows yet, and come no further.
   */
  async announceInTurn(record: SegmentationRecord, slices: readonly number[]): Promise<void> {
    await this.#making;
    this.announce(record, slices);
  }

  /** Our steps lie in the host's own history, among its brush strokes, so that Ctrl+Z walks through all of them in order. */
  pushStep(label: string, changes: readonly RecordChange[]): void {
    this.#host.history.push({
      restoreMemo: (isUndo?: boolean) => {
        const present = changes.filter(({ record }) => this.#records.has(record.segmentationId));
        if (this.#ports.life.aborted || present.length === 0) return;
        this.#write(() => {
          for (const { record, change } of present) record.applyChange(change, isUndo ? "before" : "after");
        });
        this.#ports.onUndone(`${isUndo ? "Undone" : "Redone"}: ${label}.`);
      },
    });
  }

  /** Changes what a segment is called, means and looks like, as one undoable step. */
  editSegment(record: SegmentationRecord, number: number, edit: SegmentEdit): void {
    const before = record.segments;
    const after = before.map((segment) => (segment.number === number ? withEdit(segment, edit) : segment));
    const apply = (segments: readonly SegmentInfo[]) => {
      this.#write(() => {
        record.setSegments(segments);
        for (const { label, colorRgb } of segments.filter((segment) => segment.number === number)) {
          this.#host.setSegmentLabel(record.segmentationId, number, label);
          this.#host.setSegmentColor(record.segmentationId, number, colorRgb);
        }
      });
    };
    apply(after);
    this.#ports.onChange();
    this.#host.history.push({
      restoreMemo: (isUndo?: boolean) => {
        if (this.#ports.life.aborted || !this.#records.has(record.segmentationId)) return;
        apply(isUndo ? before : after);
        this.#ports.onUndone(`${isUndo ? "Undone" : "Redone"}: edit segment.`);
      },
    });
  }

  #write(write: () => void): void {
    this.#writes++;
    try {
      write();
    } finally {
      this.#writes--;
    }
  }

  async #create(
    series: SeriesSource,
    label: string,
    segments: readonly SegmentInfo[],
    modelId: string | undefined,
  ): Promise<SegmentationRecord> {
    this.#writes++;
    try {
      const making = this.#host.createSegmentation(series.displaySet, label, segments);
      this.#making = making.catch(() => {});
      const id = await making;
      const imageIds = this.#host.segmentation(id)?.representationData.Labelmap?.imageIds ?? [];
      const record = new SegmentationRecord(id, hostLabelmap(id, imageIds), segments, modelId);
      record.knowEmpty();
      this.#records.set(id, record);
      this.#displaySetOf.set(id, series.displaySet.displaySetInstanceUID);
      this.#currentRecord.set(series.displaySet.displaySetInstanceUID, id);
      return record;
    } finally {
      this.#writes--;
    }
  }

  #adopt(active: HostSegmentation, displaySetUid: string): SegmentationRecord {
    const imageIds = active.representationData.Labelmap?.imageIds ?? [];
    const record = new SegmentationRecord(
      active.segmentationId,
      hostLabelmap(active.segmentationId, imageIds),
      [],
      undefined,
    );
    for (const { segmentIndex, cachedStats } of Object.values(active.segments).filter(Boolean)) {
      const origin = historyOfLoaded(cachedStats?.algorithmType);
      if (origin) record.markHistory([segmentIndex], origin);
    }
    const opened = this.#ports.readSegOf(active.segmentationId);
    record.predecessor = opened?.reference;
    record.framesElsewhere = opened?.framesElsewhere ?? 0;
    // What the exclusive label map cannot show; without it, storing again would lose it.
    opened?.slices.forEach(({ hidden }, slice) => {
      if (hidden.length > 0) record.setHidden(slice, hidden);
    });
    this.#records.set(active.segmentationId, record);
    this.#displaySetOf.set(active.segmentationId, displaySetUid);
    this.#withHostSegments(record, active);
    this.#adoptedAt.set(record, record.revision);
    return record;
  }

  /** Segments may be added, removed or renamed in the host's own panel. */
  #withHostSegments(record: SegmentationRecord, active: HostSegmentation): SegmentationRecord {
    const present = Object.values(active.segments).filter(Boolean);
    const known = new Map(record.segments.map((segment) => [segment.number, segment]));
    const isSame =
      present.length === known.size &&
      present.every(({ segmentIndex, label }) => known.get(segmentIndex)?.label === label);
    if (!isSame) {
      record.setSegments(
        present.map(
          ({ segmentIndex, label }): SegmentInfo => ({
            ...(known.get(segmentIndex) ?? {
              ...defaultSegment(segmentIndex),
              ...this.#storedRemarks(active.segmentationId, segmentIndex),
              colorRgb: this.#host.segmentColor(active.segmentationId, segmentIndex),
            }),
            label,
          }),
        ),
      );
    }
    return record;
  }

  /** What a stored SEG says of a segment. */
  #storedRemarks(segmentationId: string, number: number): Partial<SegmentInfo> {
    const stored = this.#ports.readSegOf(segmentationId)?.segments.find((segment) => segment.number === number);
    return stored ? remarksOf(stored) : {};
  }
}

/** What a loaded SEG says of a segment, as history: storing it again must not change how it came to be. */
function historyOfLoaded(algorithmType: string | undefined): Partial<SegmentHistory> | undefined {
  if (algorithmType === "AUTOMATIC") return { byNetwork: true };
  if (algorithmType === "SEMIAUTOMATIC") return { byNetwork: true, byHand: true };
  return algorithmType === "MANUAL" ? { byHand: true } : undefined;
}
