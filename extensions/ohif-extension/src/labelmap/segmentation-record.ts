import type { CodedConcept, ImageGeometry, RefinementPlan } from "@samrefine/core";
import { newUid, type SegRequest, type SegSegment } from "@samrefine/dicom";
import type { PromptObject } from "../prompts/prompt-object.ts";
import type { HiddenPixels } from "../refinery/contract.ts";
import { isFlagged, type SegmentQuality, type SliceQuality } from "../run/quality.ts";
import { countLabels, countRuns, segmentMask, withoutSegment } from "./edit.ts";
import { decodeLabels, encodeLabels, type LabelRuns } from "./runs.ts";

/** The host's label map, slice by slice, in the order of the series. */
export interface LabelmapPort {
  readonly sliceCount: number;
  geometry(slice: number): ImageGeometry;
  /** The live array; not to be changed. */
  read(slice: number): Uint8Array;
  write(slice: number, labels: Uint8Array): void;
  /** Lets the host draw what was written. */
  announce(slices: readonly number[]): void;
}

export interface SegmentInfo extends StoredRemarks {
  readonly number: number;
  readonly label: string;
  readonly colorRgb: readonly [number, number, number];
  readonly category: CodedConcept;
  readonly type: CodedConcept;
}

/** What the SEG that a segment was opened from says beyond what the panel edits; storing it again keeps it. */
type StoredRemarks = Pick<
  SegSegment,
  "trackingId" | "trackingUid" | "description" | "anatomicRegion" | "typeModifiers" | "algorithm"
>;

/** How a segment came to be, over its whole life; decides Segment Algorithm Type. */
export interface SegmentHistory {
  readonly byNetwork: boolean;
  readonly byPrompts: boolean;
  readonly byHand: boolean;
}

export const untouched: SegmentHistory = { byNetwork: false, byPrompts: false, byHand: false };

/** AUTOMATIC: network and derived prompts alone. SEMIAUTOMATIC: a person helped a model. MANUAL: no model took part. */
export function algorithmType(history: SegmentHistory): "AUTOMATIC" | "SEMIAUTOMATIC" | "MANUAL" {
  if (history.byPrompts || (history.byNetwork && history.byHand)) return "SEMIAUTOMATIC";
  return history.byNetwork ? "AUTOMATIC" : "MANUAL";
}

/** Everything that belongs to one slice; immutable, so that history keeps it by reference. */
export interface SliceState {
  readonly labels: LabelRuns;
  readonly hidden: readonly HiddenPixels[];
  readonly objects: readonly PromptObject[];
  readonly quality: SliceQuality | undefined;
}

/** What an undoable step did to one segmentation. */
export interface Change {
  readonly slices: readonly { readonly slice: number; readonly before: SliceState; readonly after: SliceState }[];
  readonly historyBefore: ReadonlyMap<number, SegmentHistory>;
  readonly historyAfter: ReadonlyMap<number, SegmentHistory>;
}

/** A label map has one byte per voxel. */
export const MAX_SEGMENT_NUMBER = 255;

/**
 * One segmentation of one series: the host's label map plus what the host cannot hold - overlaps, prompts, quality, and each
 * segment's history.
 */
export class SegmentationRecord {
  readonly segmentationId: string;
  readonly labelmap: LabelmapPort;
  /** The network that the segments come from; undefined when a person began. */
  readonly modelId: string | undefined;
  /** The plan of the last automatic run; undefined before the first. */
  plan: RefinementPlan | undefined;
  /** The SEG that it was opened from or last stored as: the next one names it. */
  predecessor: SegRequest["predecessor"];
  /** Frames of that SEG that lie on other images than those of this series: the next one will not hold them. */
  framesElsewhere = 0;
  #segments: readonly SegmentInfo[] = [];
  #highestNumber = 0;
  #revision = 0;
  #history: ReadonlyMap<number, SegmentHistory> = new Map();
  readonly #hidden = new Map<number, readonly HiddenPixels[]>();
  readonly #objects = new Map<number, readonly PromptObject[]>();
  readonly #quality = new Map<number, SliceQuality>();
  /** {@link segmentQualities} by segment, until an estimate changes: the panel asks for every segment after every slice. */
  #bySegment: ReadonlyMap<number, readonly SegmentQuality[]> | undefined;
  /** Pixels per label value and slice, as they were last counted. */
  readonly #counts = new Map<number, Uint32Array>();
  /** Slices whose count is missing or old; counted by {@link recount} a few at a time. */
  readonly #uncounted = new Set<number>();

  constructor(
    segmentationId: string,
    labelmap: LabelmapPort,
    segments: readonly SegmentInfo[],
    modelId: string | undefined,
  ) {
    this.segmentationId = segmentationId;
    this.labelmap = labelmap;
    this.modelId = modelId;
    this.setSegments(segments);
    for (let slice = 0; slice < labelmap.sliceCount; slice++) this.#uncounted.add(slice);
  }

  /** Grows with every change; the same number means the same content. */
  get revision(): number {
    return this.#revision;
  }

  get segments(): readonly SegmentInfo[] {
    return this.#segments;
  }

  /** For a new segment: no other one has or had it, so that nothing of a deleted one is taken for its own. */
  get unusedNumber(): number {
    return this.#highestNumber + 1;
  }

  setSegments(segments: readonly SegmentInfo[]): void {
    this.#segments = segments.map(withTracking);
    this.#highestNumber = Math.max(this.#highestNumber, ...segments.map(({ number }) => number));
    this.#revision++;
  }

  get history(): ReadonlyMap<number, SegmentHistory> {
    return this.#history;
  }

  markHistory(numbers: Iterable<number>, mark: Partial<SegmentHistory>): void {
    const next = new Map(this.#history);
    for (const number of numbers) next.set(number, { ...(next.get(number) ?? untouched), ...mark });
    this.#history = next;
    this.#revision++;
  }

  objects(slice: number): readonly PromptObject[] {
    return this.#objects.get(slice) ?? [];
  }

  quality(slice: number): SliceQuality | undefined {
    return this.#quality.get(slice);
  }

  hidden(slice: number): readonly HiddenPixels[] {
    return this.#hidden.get(slice) ?? [];
  }

  mask(slice: number, segment: number): Uint8Array {
    return segmentMask(this.labelmap.read(slice), segment, this.hidden(slice));
  }

  state(slice: number): SliceState {
    this.#settle(slice);
    return {
      labels: encodeLabels(this.labelmap.read(slice)),
      hidden: this.hidden(slice),
      objects: this.objects(slice),
      quality: this.quality(slice),
    };
  }

  /** Puts a slice into a state. The caller announces. */
  restore(slice: number, state: SliceState): void {
    setOrDelete(this.#hidden, slice, state.hidden, state.hidden.length > 0);
    setOrDelete(this.#objects, slice, state.objects, state.objects.length > 0);
    this.setQuality(slice, state.quality);
    this.labelmap.write(slice, decodeLabels(state.labels));
    this.#revision++;
    this.#count(slice, countRuns(state.labels));
  }

  writeLabels(slice: number, labels: Uint8Array): void {
    this.labelmap.write(slice, labels);
    this.#revision++;
    this.#count(slice);
  }

  setObjects(slice: number, objects: readonly PromptObject[]): void {
    setOrDelete(this.#objects, slice, objects, objects.length > 0);
  }

  setHidden(slice: number, hidden: readonly HiddenPixels[]): void {
    if (hidden.length === 0 && !this.#hidden.has(slice)) return;
    setOrDelete(this.#hidden, slice, hidden, hidden.length > 0);
    this.#count(slice);
  }

  setQuality(slice: number, quality: SliceQuality | undefined): void {
    if (quality) this.#quality.set(slice, quality);
    else this.#quality.delete(slice);
    this.#bySegment = undefined;
  }

  /** A person changed segments on a slice: no run writes it again, and what was estimated of them is no longer true. */
  markReviewed(slice: number, changed: ReadonlySet<number>): void {
    const segments = (this.#quality.get(slice)?.segments ?? []).filter(({ number }) => !changed.has(number));
    this.setQuality(slice, { isReviewed: true, segments });
  }

  restoreHistory(history: ReadonlyMap<number, SegmentHistory>): void {
    this.#history = history;
    this.#revision++;
  }

  applyChange(change: Change, side: "before" | "after"): void {
    for (const entry of change.slices) this.restore(entry.slice, entry[side]);
    this.#history = side === "before" ? change.historyBefore : change.historyAfter;
    this.labelmap.announce(change.slices.map(({ slice }) => slice));
  }

  /** What it means to take a segment off every slice, with its prompts, its estimates and its history; nothing is changed yet. */
  changeToRemove(segment: number): Change {
    const slices: Change["slices"][number][] = [];
    for (let slice = 0; slice < this.labelmap.sliceCount; slice++) {
      const before = this.state(slice);
      const isMarked =
        before.hidden.some(({ number }) => number === segment) ||
        before.objects.some((object) => object.segment === segment) ||
        before.quality?.segments.some(({ number }) => number === segment);
      if (!isMarked && this.pixels(slice, segment) === 0) continue;
      const { labels, hidden } = withoutSegment(decodeLabels(before.labels), before.hidden, segment);
      const after: SliceState = {
        labels: encodeLabels(labels),
        hidden,
        objects: before.objects.filter((object) => object.segment !== segment),
        quality: before.quality && {
          ...before.quality,
          segments: before.quality.segments.filter(({ number }) => number !== segment),
        },
      };
      slices.push({ slice, before, after });
    }
    const historyAfter = new Map(this.#history);
    historyAfter.delete(segment);
    return { slices, historyBefore: this.#history, historyAfter };
  }

  /** The host changed slices by itself (brush): their counts are old. Without a list, any slice may have changed. */
  invalidate(slices?: readonly number[]): void {
    this.#revision++;
    if (slices) for (const slice of slices) this.#uncounted.add(slice);
    else for (let slice = 0; slice < this.labelmap.sliceCount; slice++) this.#uncounted.add(slice);
  }

  /** Whether the labels of a slice are no longer those that were counted last; slices with an old count are passed over. */
  differsFromCounts(): boolean {
    for (const [slice, known] of this.#counts) {
      if (this.#uncounted.has(slice)) continue;
      if (this.#countsOf(slice).some((count, label) => count !== known[label])) return true;
    }
    return false;
  }

  get hasUncounted(): boolean {
    return this.#uncounted.size > 0;
  }

  /** Says of a label map that was just made that it holds nothing, so that nobody has to look. */
  knowEmpty(): void {
    for (let slice = 0; slice < this.labelmap.sliceCount; slice++) {
      const { columns, rows } = this.labelmap.geometry(slice);
      const counts = new Uint32Array(256);
      counts[0] = columns * rows;
      this.#counts.set(slice, counts);
    }
    this.#uncounted.clear();
  }

  /** Counts old slices until the time is over. @returns true when none is left. */
  recount(budgetMs: number): boolean {
    const end = performance.now() + budgetMs;
    for (const slice of this.#uncounted) {
      this.#settle(slice);
      if (performance.now() >= end) break;
    }
    return this.#uncounted.size === 0;
  }

  /** Pixels of a segment on a slice as last counted, hidden ones included. */
  pixels(slice: number, segment: number): number {
    return this.#counts.get(slice)?.[segment] ?? 0;
  }

  /** Whether any slice, as last counted, has a pixel of a segment. */
  get hasPixels(): boolean {
    for (const counts of this.#counts.values()) {
      if (counts.some((count, label) => label > 0 && count > 0)) return true;
    }
    return false;
  }

  /** Counts a slice whose count is old. Where it then differs, the host's tools changed it, and that is a person's work. */
  #settle(slice: number): void {
    if (!this.#uncounted.has(slice)) return;
    const known = this.#counts.get(slice);
    this.#count(slice);
    if (!known) return;
    const numbers = this.#segments.map(({ number }) => number);
    const changed = numbers.filter((number) => known[number] !== this.pixels(slice, number));
    if (changed.length > 0) this.markReviewed(slice, new Set(changed));
  }

  /** {@link hasPixels} of one segment. */
  hasPixelsOf(segment: number): boolean {
    return [...this.#counts.values()].some((counts) => counts[segment]! > 0);
  }

  #count(slice: number, shown?: Uint32Array): void {
    this.#counts.set(slice, this.#countsOf(slice, shown));
    this.#uncounted.delete(slice);
  }

  /** @param shown Pixels per label, where they are known already. */
  #countsOf(slice: number, shown?: Uint32Array): Uint32Array {
    const labels = this.labelmap.read(slice);
    const counts = shown ?? countLabels(labels);
    for (const { number, pixels } of this.hidden(slice)) {
      for (const index of pixels) if (labels[index] !== 0) counts[number]!++;
    }
    return counts;
  }

  /** The limit of the plan that made the masks: what an estimate means differs from model to model. */
  flagBelow(otherwise: number): number {
    return this.plan?.flagBelow ?? otherwise;
  }

  /** @param otherwise Where the plan names no limit of its own. */
  flagged(otherwise: number): number[] {
    const flagBelow = this.flagBelow(otherwise);
    return [...this.#quality]
      .filter(([, quality]) => isFlagged(quality, flagBelow))
      .map(([slice]) => slice)
      .sort((a, b) => a - b);
  }

  /** The estimates of one segment on every slice that has it. */
  segmentQualities(segment: number): readonly SegmentQuality[] {
    this.#bySegment ??= groupBySegment(this.#quality.values());
    return this.#bySegment.get(segment) ?? [];
  }
}

/** A segment is tracked from its first moment, so that every SEG of it names the same finding, whatever it is then called. */
function withTracking(segment: SegmentInfo): SegmentInfo {
  return segment.trackingUid === undefined ? { ...segment, trackingId: segment.label, trackingUid: newUid() } : segment;
}

function groupBySegment(slices: Iterable<SliceQuality>): ReadonlyMap<number, readonly SegmentQuality[]> {
  const groups = new Map<number, SegmentQuality[]>();
  for (const { segments } of slices) {
    for (const quality of segments) {
      const group = groups.get(quality.number);
      if (group) group.push(quality);
      else groups.set(quality.number, [quality]);
    }
  }
  return groups;
}

function setOrDelete<V>(map: Map<number, V>, key: number, value: V, isKept: boolean): void {
  if (isKept) map.set(key, value);
  else map.delete(key);
}
