import { isRefineError, type Progress } from "@samrefine/core";
import { chooseModel, matchSeries, type SegmentationManifest } from "@samrefine/models";
import type { ExtensionConfiguration } from "../configuration.ts";
import type { OhifHost } from "../host/ohif-host.ts";
import { canDrawImages, noWebGl } from "../host/webgl.ts";
import type { HostDisplaySet, HostSegmentation, Subscription } from "../host-types.ts";
import { hostLabelmap } from "../labelmap/host-labelmap.ts";
import { decodeLabels, encodeMask } from "../labelmap/runs.ts";
import {
  type Change,
  SegmentationRecord,
  type SegmentHistory,
  type SegmentInfo,
  type SliceState,
} from "../labelmap/segmentation-record.ts";
import { type CatalogueEntry, loadCatalogue, type ModelCatalogue } from "../models/model-catalogue.ts";
import { planOf, type RefinementChoice } from "../models/model-plan.ts";
import { SAM_REFINE_TOOL } from "../names.ts";
import { type EditablePrompt, isAnswerable, isEmptyPrompt } from "../prompts/editable-prompt.ts";
import type { ShownPrompt } from "../prompts/prompt-annotations.ts";
import type { PromptObject } from "../prompts/prompt-object.ts";
import type { RefineryClient } from "../refinery/client.ts";
import type { SliceResult } from "../refinery/contract.ts";
import { ModelLoader } from "../refinery/model-loader.ts";
import { nextFlagged } from "../run/quality.ts";
import { outwardOrder } from "../run/slice-order.ts";
import { runSlices } from "../run/study-runner.ts";
import type { ReadSeg } from "../seg/read-seg.ts";
import { type SegDelivery, SegStore } from "../seg/seg-store.ts";
import type { DecodedFrame } from "../series/modality-image.ts";
import { openSeries, type SeriesSource } from "../series/series-source.ts";
import {
  beginEdit,
  continueEdit,
  type Gesture,
  type PendingEdit,
  previewLabels,
  promptOf,
  withoutLastGesture,
} from "../tool/pending-edit.ts";
import { objectsOfResult, qualityOfResult } from "./apply-result.ts";
import { defaultSegment } from "./default-segment.ts";
import { initialPanelState, type PanelState, type ProgressState, type StatusMessage } from "./panel-state.ts";
import { buildPanelState } from "./panel-view.ts";

/** The prompts on screen; the session tells what to show, the annotations tell what a person did to them. */
export interface PromptView {
  show(series: HostDisplaySet | undefined, slice: number, prompts: readonly ShownPrompt[]): void;
}

export interface SessionPorts {
  readonly host: OhifHost;
  readonly configuration: ExtensionConfiguration;
  readonly startRefinery: () => RefineryClient;
  readonly promptView: PromptView;
  /** What a stored SEG said that the host opened as this segmentation; undefined when it comes from no SEG. */
  readonly readSegOf: (segmentationId: string) => ReadSeg | undefined;
}

type Activity = "none" | "loading" | "running" | "storing";

/**
 * One open study in our mode: which series and segmentation are current, what runs, what waits for acceptance. The panel and
 * the tool call it; it writes to the host and tells its listeners. All of it ends with {@link stop}: nothing is written later.
 */
export class RefineSession {
  readonly #host: OhifHost;
  readonly #configuration: ExtensionConfiguration;
  readonly #promptView: PromptView;
  readonly #readSegOf: SessionPorts["readSegOf"];
  readonly #models: ModelLoader;
  readonly #listeners = new Set<() => void>();
  readonly #life = new AbortController();
  readonly #segStore: SegStore;
  #subscriptions: Subscription[] = [];
  #state: PanelState = initialPanelState;
  #isChangeAnnounced = false;

  #catalogue: ModelCatalogue | undefined;
  #series: SeriesSource | undefined;
  /** Keyed by display set. */
  readonly #openedSeries = new Map<string, SeriesSource>();
  /** Keyed by the host's segmentation id. */
  readonly #records = new Map<string, SegmentationRecord>();
  /** Which record is the current one of a display set. */
  readonly #currentRecord = new Map<string, string>();
  #selectedModel: string | undefined;
  #refinement: RefinementChoice = "recommended";
  readonly #failedSlices = new Map<string, Set<number>>();

  #activity: Activity = "none";
  #status: StatusMessage = initialPanelState.status;
  #hasError = false;
  #isStored = false;
  #progress: ProgressState | undefined;
  #task: AbortController | undefined;
  #pending: PendingEdit | undefined;
  #isAnswering = false;
  /** Enter was pressed while SAM was still answering. */
  #acceptsNextAnswer = false;
  #gestures: Promise<void> = Promise.resolve();
  #clickMode: "include" | "exclude" = "include";
  #arePromptsShown = true;
  #isWriting = false;
  #recountTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(ports: SessionPorts) {
    this.#host = ports.host;
    this.#configuration = ports.configuration;
    this.#promptView = ports.promptView;
    this.#readSegOf = ports.readSegOf;
    this.#models = new ModelLoader(ports.startRefinery);
    this.#segStore = new SegStore(ports.host);
  }

  // --- life -----------------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    this.#subscriptions = [this.#host.onLayoutChange(() => this.#followViewport())];
    this.#followViewport();
    const url = new URL(this.#configuration.modelIndexUrl, globalThis.location.href).href;
    try {
      this.#catalogue = await loadCatalogue(url, {
        signal: this.#life.signal,
        promptableModel: this.#configuration.promptableModel,
      });
      this.#chooseModel();
      if (!canDrawImages()) throw noWebGl();
    } catch (error) {
      if (!this.#life.signal.aborted) this.#fail(error);
    }
    this.#changed();
  }

  /** Ends everything; later calls do nothing. Finished slices stay in the host's label map. */
  async stop(): Promise<void> {
    if (this.#life.signal.aborted) return;
    this.#dropPreview();
    this.#life.abort(new DOMException("The study was closed.", "AbortError"));
    this.#task?.abort(this.#life.signal.reason);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#promptView.show(undefined, 0, []);
    await this.#models.dispose();
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  getState = (): PanelState => this.#state;

  // --- what the panel calls -------------------------------------------------------------------------------------------

  selectModel(id: string): void {
    this.#selectedModel = id;
    this.#changed();
  }

  selectRefinement(choice: RefinementChoice): void {
    this.#refinement = choice;
    this.#changed();
  }

  activateTool(): void {
    this.#host.activateTool(SAM_REFINE_TOOL);
  }

  setClickMode(mode: "include" | "exclude"): void {
    this.#clickMode = mode;
    this.#changed();
  }

  setPromptsShown(areShown: boolean): void {
    this.#arePromptsShown = areShown;
    this.#changed();
  }

  activateSegment(number: number): void {
    const record = this.#record();
    if (!record) return;
    if (this.#pending && this.#pending.segment !== number) this.accept();
    this.#host.setActiveSegment(record.segmentationId, number);
    this.#changed();
  }

  setSegmentVisible(number: number, isVisible: boolean): void {
    const record = this.#record();
    if (!record) return;
    this.#host.setSegmentVisible(record.segmentationId, number, isVisible);
    this.#changed();
  }

  async addSegment(): Promise<void> {
    const series = this.#series;
    if (!series || this.#activity !== "none") return;
    this.accept();
    const existing = this.#record();
    if (!existing) {
      await this.#ensureRecord(series);
      this.#changed();
      return;
    }
    const number = Math.max(0, ...existing.segments.map((segment) => segment.number)) + 1;
    const info = defaultSegment(number);
    this.#host.addSegment(existing.segmentationId, number, info.label);
    this.#host.setSegmentColor(existing.segmentationId, number, info.colorRgb);
    this.#host.setActiveSegment(existing.segmentationId, number);
    existing.setSegments([...existing.segments.filter((segment) => segment.number !== number), info]);
    this.#changed();
  }

  goToSlice(slice: number): void {
    if (this.#series) this.#host.jumpTo(this.#series.displaySet, slice);
  }

  goToNextFlagged(): void {
    const series = this.#series;
    const record = this.#record();
    if (!series || !record) return;
    const next = nextFlagged(
      record.flagged(this.#configuration.flagBelowDice),
      this.#host.visibleSlice(series.displaySet),
    );
    if (next === undefined) this.#say("No slice is flagged.");
    else this.goToSlice(next);
    this.#changed();
  }

  cancel(): void {
    this.#task?.abort(new DOMException("Cancelled.", "AbortError"));
  }

  /** True when something of ours took the step back; otherwise the host's own undo is to be run. */
  undoGesture(): boolean {
    if (!this.#pending) return false;
    const back = withoutLastGesture(this.#pending);
    if (!back) this.drop();
    else {
      this.#pending = back;
      void this.#answer();
    }
    return true;
  }

  undo(): void {
    if (this.undoGesture()) return;
    this.#host.history.undo();
    this.#changed();
  }

  redo(): void {
    if (this.#pending) return;
    this.#host.history.redo();
    this.#changed();
  }

  // --- one click ------------------------------------------------------------------------------------------------------

  async autoSegment(): Promise<void> {
    const series = this.#series;
    const model = this.#model();
    if (!series || !model || this.#activity !== "none") return;
    this.accept();
    const { manifest } = model;
    const plan = planOf(manifest, this.#refinement);
    await this.#run("loading", async (signal) => {
      const client = await this.#loadModels(plan.passes.length > 0, model, signal);
      const record = await this.#recordForModel(series, manifest);
      const channels = manifest.input.channels;
      const intensity = await this.#measure(series, client, manifest, signal);

      const reviewed = new Set<number>();
      for (let slice = 0; slice < series.sliceCount; slice++) {
        if (record.quality(slice)?.isReviewed) reviewed.add(slice);
      }
      const order = outwardOrder(series.sliceCount, this.#host.visibleSlice(series.displaySet)).filter(
        (slice) => !reviewed.has(slice),
      );
      const historyBefore = record.history;
      const changes: { slice: number; before: SliceState; after: SliceState }[] = [];
      record.markHistory(
        record.segments.map(({ number }) => number),
        { byNetwork: true },
      );
      this.#failedSlices.delete(series.displaySet.displaySetInstanceUID);
      this.#activity = "running";
      const outcome = await runSlices<SliceResult>(
        order,
        {
          process: async (slice, sliceSignal) => {
            const context = channels > 1 ? await this.#context(series, slice, channels, sliceSignal) : undefined;
            return client.request(
              "segmentSlice",
              {
                modelId: manifest.id,
                plan,
                intensity,
                slice: {
                  key: series.imageIds[slice]!,
                  frame: await series.frame(slice, sliceSignal),
                  ...(context ? { context } : {}),
                },
              },
              { signal: sliceSignal },
            );
          },
          apply: (slice, result) => {
            changes.push(this.#applyResult(record, slice, result));
          },
        },
        { signal, onProgress: (progress) => this.#showProgress("Segmenting slices", progress) },
      );
      if (this.#life.signal.aborted) return;
      if (changes.length === 0) record.restoreHistory(historyBefore);
      else {
        record.plan = plan;
        this.#pushChange(record, {
          label: "auto-segment",
          slices: changes,
          historyBefore,
          historyAfter: record.history,
        });
      }
      const failed = new Set(outcome.failed.map(({ slice }) => slice));
      if (failed.size > 0) this.#failedSlices.set(series.displaySet.displaySetInstanceUID, failed);
      if (changes.length === 0 && outcome.failed[0] && !outcome.isCancelled) throw outcome.failed[0].error;
      this.#isStored = false;
      this.#status = runSummary(outcome, series.sliceCount, reviewed.size, this.#flaggedCount(record));
    });
  }

  /** Neighbours in ascending position along the slice normal, as networks are trained, whatever the display order is. */
  async #context(series: SeriesSource, slice: number, channels: number, signal: AbortSignal): Promise<DecodedFrame[]> {
    const half = Math.floor(channels / 2);
    const indices = Array.from({ length: channels }, (_, channel) =>
      Math.min(Math.max(slice + series.direction * (channel - half), 0), series.sliceCount - 1),
    );
    return Promise.all(indices.map((index) => series.frame(index, signal)));
  }

  /** Policies that look at the whole volume need every slice once before the first one is segmented. */
  async #measure(series: SeriesSource, client: RefineryClient, manifest: SegmentationManifest, signal: AbortSignal) {
    const policy = manifest.intensity;
    if (policy.kind !== "percentiles" || policy.scope !== "volume") return undefined;
    await client.request("beginMeasure", policy, { signal });
    for (let slice = 0; slice < series.sliceCount; slice++) {
      await client.request("addToMeasure", await series.frame(slice, signal), { signal });
      this.#showProgress("Reading the series", {
        stage: "read",
        completed: slice + 1,
        total: series.sliceCount,
        unit: "slice",
      });
    }
    return client.request("finishMeasure", undefined, { signal });
  }

  #applyResult(record: SegmentationRecord, slice: number, result: SliceResult) {
    const before = record.state(slice);
    record.writeLabels(slice, result.labels);
    record.setHidden(slice, result.hidden);
    record.setObjects(slice, objectsOfResult(slice, result));
    record.setQuality(slice, qualityOfResult(result));
    this.#announce(record, [slice]);
    return { slice, before, after: record.state(slice) };
  }

  // --- clicks and boxes -----------------------------------------------------------------------------------------------

  /** A gesture of the tool; gestures are answered in the order in which they came. */
  gesture(viewportId: string, imageId: string, gesture: Gesture): Promise<void> {
    this.#gestures = this.#gestures
      .then(() => this.#handleGesture(viewportId, imageId, gesture))
      .catch((error) => {
        if (!this.#life.signal.aborted) this.#fail(error);
      });
    return this.#gestures;
  }

  async #handleGesture(viewportId: string, imageId: string, given: Gesture): Promise<void> {
    if (this.#life.signal.aborted) return;
    if (this.#activity !== "none" && !this.#isAnswering) {
      this.#say("Wait until the run has ended, or cancel it, before placing prompts.", "warning");
      return;
    }
    const gesture = this.#inClickMode(given);
    const displaySet = this.#host.seriesOfViewport(viewportId);
    if (!displaySet) return;
    const series = this.#open(displaySet);
    this.#series = series;
    const slice = series.imageIds.indexOf(imageId);
    if (slice < 0) {
      this.#say("Prompts can be placed on the planes in which the images were acquired.", "warning");
      return;
    }
    if (!this.#catalogue?.promptable) {
      this.#say("No SAM model is installed, so prompts cannot be answered.", "warning");
      return;
    }
    const record = await this.#ensureRecord(series);
    const segment = this.#host.activeSegment(record.segmentationId) ?? record.segments[0]?.number ?? 1;
    const pending = this.#pending;
    const isSame = pending?.record === record && pending.slice === slice && pending.segment === segment;
    if (pending && !isSame) this.accept();
    const next = this.#pending ? continueEdit(this.#pending, gesture) : beginEdit(record, slice, segment, gesture);
    if (!next) {
      this.#say("Nothing to exclude here: click inside the segment, or include something first.", "warning");
      return;
    }
    this.#pending = next;
    this.#isStored = false;
    this.#changed();
    await this.#answer();
  }

  #inClickMode(gesture: Gesture): Gesture {
    if (gesture.kind !== "point" || this.#clickMode === "include") return gesture;
    return { ...gesture, label: gesture.label === "foreground" ? "background" : "foreground" };
  }

  /** Asks SAM with all prompts of the pending edit and shows the answer. */
  async #answer(): Promise<void> {
    const edit = this.#pending;
    if (!edit) return;
    const prompt = promptOf(edit);
    if (!isAnswerable(prompt) && !edit.initial) {
      this.#say("SAM needs a point inside the structure or a box.", "warning");
      return;
    }
    this.#isAnswering = true;
    try {
      await this.#run("loading", async (signal) => {
        const series = this.#seriesOf(edit.record);
        const result = await this.#ask(series, edit.slice, edit.segment, prompt, {
          initial: edit.initial,
          lowResLogits: edit.lowResLogits,
          signal,
        });
        // Dropped or changed meanwhile: the answer belongs to nobody.
        if (this.#pending !== edit) return;
        this.#pending = { ...edit, mask: result.mask, lowResLogits: result.lowResLogits };
        this.#showPreview();
        this.#status = { text: "Preview. Enter accepts it, Esc drops it; more clicks correct it.", tone: "info" };
      });
    } finally {
      this.#isAnswering = false;
      const isToAccept = this.#acceptsNextAnswer;
      this.#acceptsNextAnswer = false;
      if (isToAccept && this.#pending?.mask) this.accept();
      this.#changed();
    }
  }

  async #ask(
    series: SeriesSource,
    slice: number,
    segment: number,
    prompt: EditablePrompt,
    options: {
      readonly initial?: Uint8Array | undefined;
      readonly lowResLogits?: PendingEdit["lowResLogits"];
      readonly signal: AbortSignal;
    },
  ) {
    const client = await this.#loadModels(true, undefined, options.signal);
    const frame = await series.frame(slice, options.signal);
    this.#activity = "running";
    this.#progress = { label: "SAM reads the slice and answers", completed: 0, total: undefined };
    this.#changed();
    return client.request(
      "decode",
      {
        slice: { key: series.imageIds[slice]!, frame },
        displayRange: displayRangeOf(series, slice),
        prompt: {
          segment,
          geometry: frame.geometry,
          ...(prompt.points.length > 0 ? { points: prompt.points } : {}),
          ...(prompt.box ? { box: prompt.box } : {}),
          ...(options.lowResLogits ? { maskInput: options.lowResLogits } : {}),
        },
        initial: options.initial,
      },
      { signal: options.signal },
    );
  }

  #showPreview(): void {
    const edit = this.#pending;
    if (!edit) return;
    const locked = this.#host.lockedSegments(edit.record.segmentationId);
    edit.record.writeLabels(edit.slice, previewLabels(edit, decodeLabels(edit.before.labels), locked));
    edit.record.setHidden(
      edit.slice,
      edit.before.hidden.filter(({ number }) => number !== edit.segment),
    );
    this.#announce(edit.record, [edit.slice]);
  }

  get hasPending(): boolean {
    return this.#pending !== undefined;
  }

  /** Enter: the preview becomes part of the segmentation, as one undoable step. */
  accept(): void {
    const edit = this.#pending;
    if (!edit) return;
    if (this.#isAnswering) {
      this.#acceptsNextAnswer = true;
      return;
    }
    this.#pending = undefined;
    if (!edit.mask) {
      this.#restore(edit);
      return;
    }
    const { record, slice, segment } = edit;
    const historyBefore = record.history;
    const object: PromptObject = {
      id: edit.replaced?.id ?? crypto.randomUUID(),
      segment,
      prompt: promptOf(edit),
      mask: encodeMask(edit.mask),
      origin: "person",
    };
    record.setObjects(slice, [...edit.before.objects.filter((other) => other !== edit.replaced), object]);
    record.setQuality(slice, {
      isReviewed: true,
      segments: (edit.before.quality?.segments ?? []).filter(({ number }) => number !== segment),
    });
    record.markHistory([segment], { byPrompts: true });
    this.#pushChange(record, {
      label: "SAM refine",
      slices: [{ slice, before: edit.before, after: record.state(slice) }],
      historyBefore,
      historyAfter: record.history,
    });
    this.#status = { text: "Accepted.", tone: "info" };
    this.#changed();
  }

  /** Esc: the slice is as it was before the first click. */
  drop(): void {
    if (!this.#pending) return;
    this.#dropPreview();
    this.#task?.abort(new DOMException("Dropped.", "AbortError"));
    this.#status = { text: "Dropped.", tone: "info" };
    this.#changed();
  }

  #dropPreview(): void {
    const edit = this.#pending;
    if (!edit) return;
    this.#pending = undefined;
    this.#restore(edit);
  }

  #restore(edit: PendingEdit): void {
    edit.record.restore(edit.slice, edit.before);
    this.#announce(edit.record, [edit.slice]);
    this.#changed();
  }

  // --- prompts that were dragged or deleted ---------------------------------------------------------------------------

  /** The mask of the object follows its edited prompt; an empty prompt removes the object and what it alone covered. */
  async editPrompt(slice: number, objectId: string, prompt: EditablePrompt): Promise<void> {
    const series = this.#series;
    const record = this.#record();
    if (!series || !record || this.#activity !== "none") return;
    if (this.#pending) {
      if (objectId !== PENDING_OBJECT) return;
      this.#pending = { ...this.#pending, steps: [...this.#pending.steps, prompt], lowResLogits: undefined };
      if (isEmptyPrompt(prompt)) this.drop();
      else await this.#answer();
      return;
    }
    const object = record.objects(slice).find(({ id }) => id === objectId);
    if (!object) return;
    const before = record.state(slice);
    const initial = decodeLabels(object.mask);
    const edit: PendingEdit = {
      record,
      slice,
      segment: object.segment,
      before,
      replaced: object,
      initial,
      steps: [object.prompt, prompt],
      lowResLogits: undefined,
      mask: undefined,
    };
    if (isEmptyPrompt(prompt)) {
      this.#commitPromptEdit(edit, new Uint8Array(initial.length));
      return;
    }
    await this.#run("loading", async (signal) => {
      const { mask } = await this.#ask(series, slice, object.segment, prompt, {
        initial: object.origin === "network" ? initial : undefined,
        signal,
      });
      this.#commitPromptEdit(edit, mask);
    });
  }

  #commitPromptEdit(edit: PendingEdit, mask: Uint8Array): void {
    const { record, slice, segment, before, replaced } = edit;
    const historyBefore = record.history;
    const answered = { ...edit, mask };
    const locked = this.#host.lockedSegments(record.segmentationId);
    record.writeLabels(slice, previewLabels(answered, decodeLabels(before.labels), locked));
    record.setHidden(
      slice,
      before.hidden.filter(({ number }) => number !== segment),
    );
    const prompt = promptOf(edit);
    record.setObjects(
      slice,
      before.objects.flatMap((object) => {
        if (object !== replaced) return [object];
        return isEmptyPrompt(prompt) ? [] : [{ ...object, prompt, mask: encodeMask(mask), origin: "person" as const }];
      }),
    );
    record.markHistory([segment], { byPrompts: true });
    this.#announce(record, [slice]);
    this.#pushChange(record, {
      label: "edit prompt",
      slices: [{ slice, before, after: record.state(slice) }],
      historyBefore,
      historyAfter: record.history,
    });
    this.#status = { text: "The mask follows the edited prompt.", tone: "info" };
    this.#changed();
  }

  // --- SEG ------------------------------------------------------------------------------------------------------------

  async store(): Promise<void> {
    await this.#deliver("store");
  }

  async download(): Promise<void> {
    await this.#deliver("download");
  }

  async #deliver(delivery: SegDelivery): Promise<void> {
    const series = this.#series;
    const record = this.#record();
    if (!series || !record || this.#activity !== "none") return;
    this.accept();
    await this.#run("storing", async (signal) => {
      this.#progress = { label: "Writing the SEG", completed: 0, total: undefined };
      this.#changed();
      const model = this.#catalogue?.segmentation.find(({ manifest }) => manifest.id === record.modelId);
      const report = await this.#segStore.deliver(delivery, {
        series,
        record,
        networkName: model && `${model.manifest.id} ${model.manifest.version}`,
        promptableName: this.#catalogue?.promptable?.manifest.id,
        planAsksPromptable: record.plan !== undefined && record.plan.passes.length > 0,
        signal,
      });
      if (delivery === "store") this.#isStored = true;
      this.#status = { text: report, tone: "info" };
    });
  }

  // --- series and records ---------------------------------------------------------------------------------------------

  #open(displaySet: HostDisplaySet): SeriesSource {
    const known = this.#openedSeries.get(displaySet.displaySetInstanceUID);
    if (known && known.displaySet === displaySet) return known;
    const series = openSeries(displaySet);
    this.#openedSeries.set(displaySet.displaySetInstanceUID, series);
    return series;
  }

  /** The panel shows the series of the active viewport, but stays with a run or a preview until that is over. */
  #followViewport(): void {
    if (this.#life.signal.aborted || this.#isWriting) return;
    if (this.#activity === "none" && !this.#pending) {
      const displaySet = this.#host.seriesOfViewport(this.#host.activeViewportId);
      if (displaySet && displaySet !== this.#series?.displaySet) {
        try {
          this.#series = this.#open(displaySet);
          this.#hasError = false;
          this.#isStored = false;
          this.#chooseModel();
        } catch (error) {
          this.#fail(error);
        }
      }
    }
    this.#forgetRemoved();
    const series = this.#series;
    const record = this.#record();
    if (series && record) void this.#host.showSegmentation(series.displaySet, record.segmentationId);
    this.#changed();
  }

  #forgetRemoved(): void {
    for (const id of this.#records.keys()) {
      if (this.#host.segmentation(id)) continue;
      this.#records.delete(id);
      if (this.#pending?.record.segmentationId === id) this.#pending = undefined;
    }
  }

  #seriesOf(record: SegmentationRecord): SeriesSource {
    for (const [uid, id] of this.#currentRecord) {
      const series = id === record.segmentationId ? this.#openedSeries.get(uid) : undefined;
      if (series) return series;
    }
    return this.#series!;
  }

  /** The record of the current series: the host's active label map, ours or adopted. */
  #record(): SegmentationRecord | undefined {
    const series = this.#series;
    if (!series) return undefined;
    const uid = series.displaySet.displaySetInstanceUID;
    const active = this.#host.activeSegmentation(series.displaySet);
    if (active) {
      this.#currentRecord.set(uid, active.segmentationId);
      const known = this.#records.get(active.segmentationId);
      if (known) return this.#withHostSegments(known, active);
      return this.#adopt(active);
    }
    return this.#records.get(this.#currentRecord.get(uid) ?? "");
  }

  #adopt(active: HostSegmentation): SegmentationRecord {
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
    // What the exclusive label map cannot show; without it, storing again would lose it.
    this.#readSegOf(active.segmentationId)?.slices.forEach(({ hidden }, slice) => {
      if (hidden.length > 0) record.setHidden(slice, hidden);
    });
    this.#records.set(active.segmentationId, record);
    return this.#withHostSegments(record, active);
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
              ...this.#storedMeaning(active.segmentationId, segmentIndex),
              colorRgb: this.#host.segmentColor(active.segmentationId, segmentIndex),
            }),
            label,
          }),
        ),
      );
    }
    return record;
  }

  /** What a stored SEG says that a segment is. */
  #storedMeaning(segmentationId: string, number: number): Partial<Pick<SegmentInfo, "category" | "type">> {
    const stored = this.#readSegOf(segmentationId)?.segments.find((segment) => segment.number === number);
    return {
      ...(stored?.category ? { category: stored.category } : {}),
      ...(stored?.type ? { type: stored.type } : {}),
    };
  }

  async #ensureRecord(series: SeriesSource): Promise<SegmentationRecord> {
    return this.#record() ?? this.#createRecord(series, "SAM Refine", [defaultSegment(1)], undefined);
  }

  async #recordForModel(series: SeriesSource, manifest: SegmentationManifest): Promise<SegmentationRecord> {
    const current = this.#record();
    if (current?.modelId === manifest.id) return current;
    return this.#createRecord(series, manifest.title, manifest.labels, manifest.id);
  }

  async #createRecord(
    series: SeriesSource,
    label: string,
    segments: readonly SegmentInfo[],
    modelId: string | undefined,
  ): Promise<SegmentationRecord> {
    this.#isWriting = true;
    try {
      const id = await this.#host.createSegmentation(series.displaySet, label, segments);
      const imageIds = this.#host.segmentation(id)?.representationData.Labelmap?.imageIds ?? [];
      const record = new SegmentationRecord(id, hostLabelmap(id, imageIds), segments, modelId);
      this.#records.set(id, record);
      this.#currentRecord.set(series.displaySet.displaySetInstanceUID, id);
      for (const { number, colorRgb } of segments) this.#host.setSegmentColor(id, number, colorRgb);
      return record;
    } finally {
      this.#isWriting = false;
    }
  }

  // --- models ---------------------------------------------------------------------------------------------------------

  #chooseModel(): void {
    const series = this.#series;
    const catalogue = this.#catalogue;
    if (!series || !catalogue) return;
    const manifests = catalogue.segmentation.map(({ manifest }) => manifest);
    const choice = chooseModel(manifests, series.traits);
    this.#selectedModel = choice.model?.id;
    if (!choice.model) {
      const tool = catalogue.promptable
        ? " The SAM refine tool works on it: choose it in the toolbar and click a structure."
        : "";
      this.#status = { text: `${choice.reason}${tool}`, tone: "warning" };
    } else {
      this.#status = { text: `Ready: ${choice.model.title}.`, tone: "info" };
    }
    const [problem] = catalogue.problems;
    if (problem !== undefined) this.#status = { text: `${this.#status.text} ${problem}`, tone: "warning" };
  }

  #model(): CatalogueEntry<SegmentationManifest> | undefined {
    return this.#catalogue?.segmentation.find(({ manifest }) => manifest.id === this.#selectedModel);
  }

  async #loadModels(
    needsSam: boolean,
    segmentation: CatalogueEntry<SegmentationManifest> | undefined,
    signal: AbortSignal,
  ): Promise<RefineryClient> {
    return this.#models.ready(
      { segmentation, promptable: needsSam ? this.#catalogue?.promptable : undefined },
      { signal, onProgress: (progress) => this.#showProgress("Loading the models", progress) },
    );
  }

  // --- tasks, messages, history ---------------------------------------------------------------------------------------

  /** Runs one task at a time; failures become messages, cancelling is not a failure. */
  async #run(activity: Exclude<Activity, "none">, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const controller = new AbortController();
    this.#task = controller;
    this.#activity = activity;
    this.#hasError = false;
    this.#progress = undefined;
    this.#status = { text: ACTIVITY_TEXT[activity], tone: "info" };
    this.#changed();
    try {
      await task(controller.signal);
    } catch (error) {
      if (this.#life.signal.aborted) return;
      if (controller.signal.aborted) this.#status = { text: messageOf(controller.signal.reason), tone: "info" };
      else {
        await this.#models.forgetCrashed(error);
        this.#fail(error);
      }
    } finally {
      if (this.#task === controller) {
        this.#task = undefined;
        this.#activity = "none";
        this.#progress = undefined;
      }
      this.#changed();
    }
  }

  #showProgress(label: string, progress: Progress): void {
    this.#progress = { label, completed: progress.completed, total: progress.total };
    this.#changed();
  }

  #say(text: string, tone: StatusMessage["tone"] = "info"): void {
    this.#status = { text, tone };
    this.#changed();
  }

  #fail(error: unknown): void {
    this.#hasError = true;
    this.#status = { text: messageOf(error), tone: "error" };
    this.#changed();
  }

  #flaggedCount(record: SegmentationRecord): number {
    return record.flagged(this.#configuration.flagBelowDice).length;
  }

  #announce(record: SegmentationRecord, slices: readonly number[]): void {
    this.#isWriting = true;
    try {
      record.labelmap.announce(slices);
    } finally {
      this.#isWriting = false;
    }
    this.#changed();
  }

  /** Our steps lie in the host's own history, among its brush strokes, so that Ctrl+Z walks through all of them in order. */
  #pushChange(record: SegmentationRecord, change: Change): void {
    this.#host.history.push({
      restoreMemo: (isUndo?: boolean) => {
        if (this.#life.signal.aborted || !this.#records.has(record.segmentationId)) return;
        this.#isWriting = true;
        try {
          record.applyChange(change, isUndo ? "before" : "after");
        } finally {
          this.#isWriting = false;
        }
        this.#isStored = false;
        this.#status = { text: `${isUndo ? "Undone" : "Redone"}: ${change.label}.`, tone: "info" };
        this.#changed();
      },
    });
  }

  /**
   * The host's own tools changed a label map (brush, eraser, their undo). Cornerstone says the same when it only draws one for
   * the first time; it names no slices then, but neither do some tools, so the labels decide.
   */
  hostEdited(segmentationId: string, slices: readonly number[] | undefined): void {
    if (this.#isWriting || this.#life.signal.aborted) return;
    const record = this.#records.get(segmentationId);
    if (!record || (slices === undefined && !record.differsFromCounts())) return;
    record.invalidate();
    const active = this.#host.activeSegment(segmentationId);
    if (active !== undefined) record.markHistory([active], { byHand: true });
    this.#isStored = false;
    this.#changed();
  }

  /** Another slice came on screen. */
  sliceChanged(): void {
    this.#changed();
  }

  /** Counts what the host changed, a few slices at a time. */
  #countInBackground(record: SegmentationRecord): void {
    if (this.#recountTimer !== undefined) return;
    this.#recountTimer = setTimeout(() => {
      this.#recountTimer = undefined;
      if (this.#life.signal.aborted || !this.#host.segmentation(record.segmentationId)) return;
      if (!record.recount(RECOUNT_TURN_MS)) this.#countInBackground(record);
      else this.#changed();
    }, RECOUNT_PAUSE_MS);
  }

  /** Collects all changes of one turn into one new state. */
  #changed(): void {
    if (this.#isChangeAnnounced || this.#life.signal.aborted) return;
    this.#isChangeAnnounced = true;
    queueMicrotask(() => {
      this.#isChangeAnnounced = false;
      if (this.#life.signal.aborted) return;
      this.#rebuild();
      for (const listener of this.#listeners) listener();
    });
  }

  #rebuild(): void {
    const series = this.#series;
    const record = this.#record();
    const { history } = this.#host;
    if (record?.hasUncounted) this.#countInBackground(record);
    this.#state = buildPanelState({
      host: this.#host,
      series,
      record,
      catalogue: this.#catalogue,
      fits: (manifest) => series !== undefined && matchSeries(manifest, series.traits).fits,
      selectedModel: this.#selectedModel,
      refinement: this.#refinement,
      backend: this.#models.backend,
      activity: this.#activity,
      hasError: this.#hasError,
      isStored: this.#isStored,
      hasUnstoredSeg: this.#segStore.hasUnstored,
      status: this.#status,
      progress: this.#progress,
      pending: this.#pending,
      clickMode: this.#clickMode,
      arePromptsShown: this.#arePromptsShown,
      failedSlices: series && this.#failedSlices.get(series.displaySet.displaySetInstanceUID),
      flagBelowDice: this.#configuration.flagBelowDice,
      canUndo: history.canUndo || this.#pending !== undefined,
      canRedo: history.canRedo && this.#pending === undefined,
    });
    this.#showPrompts(series, record);
  }

  #showPrompts(series: SeriesSource | undefined, record: SegmentationRecord | undefined): void {
    if (!series || !record || !this.#arePromptsShown) {
      this.#promptView.show(undefined, 0, []);
      return;
    }
    const slice = this.#host.visibleSlice(series.displaySet);
    const active = this.#host.activeSegment(record.segmentationId);
    const objects = record.objects(slice);
    // The active segment's prompts; all of them on a slice where it has none, so that what is there can be corrected.
    const ofActive = objects.filter((object) => object.segment === active);
    const shown: ShownPrompt[] = (ofActive.length > 0 ? ofActive : objects)
      .filter((object) => object !== this.#pending?.replaced)
      .map(({ id, prompt }) => ({ id, prompt, isPending: false }));
    if (this.#pending?.record === record && this.#pending.slice === slice) {
      shown.push({ id: PENDING_OBJECT, prompt: promptOf(this.#pending), isPending: true });
    }
    this.#promptView.show(series.displaySet, slice, shown);
  }
}

const PENDING_OBJECT = "pending";
const ACTIVITY_TEXT = {
  loading: "Working. You can go on reading; results appear as they are ready.",
  running: "Working. You can go on reading; results appear as they are ready.",
  storing: "Writing the DICOM SEG.",
} as const;
const RECOUNT_TURN_MS = 10;
const RECOUNT_PAUSE_MS = 30;

/** What a loaded SEG says of a segment, as history: storing it again must not change how it came to be. */
function historyOfLoaded(algorithmType: string | undefined): Partial<SegmentHistory> | undefined {
  if (algorithmType === "AUTOMATIC") return { byNetwork: true };
  if (algorithmType === "SEMIAUTOMATIC") return { byPrompts: true };
  return algorithmType === "MANUAL" ? { byHand: true } : undefined;
}

/**
 * What SAM sees of a slice that no network looks at: for CT the window that the file itself asks for (soft tissue when it asks
 * for none), otherwise the image's own range. Never the window on screen, so that a result does not depend on it.
 */
function displayRangeOf(series: SeriesSource, slice: number) {
  if (series.traits.modality !== "CT") return undefined;
  const { attributes } = series.instances[slice]!;
  const center = firstNumber(attributes.WindowCenter) ?? 40;
  const width = firstNumber(attributes.WindowWidth) ?? 400;
  return { lower: center - width / 2, upper: center + width / 2 };
}

function firstNumber(value: unknown): number | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  const number = typeof first === "number" || typeof first === "string" ? Number(first) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}

function messageOf(error: unknown): string {
  if (isRefineError(error)) return error.hint === "" ? error.message : `${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : "Something failed that gave no reason.";
}

function runSummary(
  outcome: { readonly finished: readonly number[]; readonly failed: readonly unknown[]; readonly isCancelled: boolean },
  sliceCount: number,
  reviewed: number,
  flagged: number,
): StatusMessage {
  const parts: string[] = [];
  if (outcome.isCancelled)
    parts.push(`Cancelled: ${outcome.finished.length} of ${sliceCount} slices are finished and kept.`);
  else parts.push(sliceCount === 1 ? "Segmented." : `${outcome.finished.length} of ${sliceCount} slices segmented.`);
  if (reviewed > 0) parts.push(`${reviewed} reviewed by you ${reviewed === 1 ? "was" : "were"} left alone.`);
  if (outcome.failed.length > 0) parts.push(`${outcome.failed.length} could not be segmented (marked ×).`);
  if (flagged > 0) parts.push(`${flagged} to check: press J to go to the next.`);
  return { text: parts.join(" "), tone: outcome.failed.length > 0 ? "warning" : "info" };
}
