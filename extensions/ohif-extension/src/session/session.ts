import type { OutboxEntry } from "@samrefine/dicom";
import { describeDiagnostics } from "@samrefine/inference";
import { chooseModel, matchSeries, type SegmentationManifest } from "@samrefine/models";
import type { ExtensionConfiguration } from "../configuration.ts";
import type { OhifHost } from "../host/ohif-host.ts";
import { canDrawImages, noWebGl } from "../host/webgl.ts";
import type { HostDisplaySet, Subscription } from "../host-types.ts";
import { MAX_SEGMENT_NUMBER, type SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { BroughtFile } from "../models/brought-model.ts";
import { type CatalogueEntry, loadCatalogue, type ModelCatalogue } from "../models/model-catalogue.ts";
import { planOf, type RefinementChoice } from "../models/model-plan.ts";
import { OwnModels } from "../models/own-models.ts";
import { VERSION } from "../names.ts";
import type { EditablePrompt } from "../prompts/editable-prompt.ts";
import type { ShownPrompt } from "../prompts/prompt-annotations.ts";
import type { BackendPreference } from "../refinery/backend-preference.ts";
import type { RefineryClient } from "../refinery/client.ts";
import { ModelLoader } from "../refinery/model-loader.ts";
import { nextFlagged } from "../run/quality.ts";
import type { ReadSeg } from "../seg/read-seg.ts";
import { saveFiles } from "../seg/save-files.ts";
import { noRemarks, type SegRemarks } from "../seg/seg-remarks.ts";
import { type DownloadFormat, SegStore } from "../seg/seg-store.ts";
import { WaitingSegs } from "../seg/waiting-segs.ts";
import { MeasuredIntensities } from "../series/measured-intensity.ts";
import { type SeriesSource, seriesTraits } from "../series/series-source.ts";
import { type Gesture, promptOf } from "../tool/pending-edit.ts";
import { Activity } from "./activity.ts";
import { defaultSegment } from "./default-segment.ts";
import {
  downloadFiles,
  type HandOver,
  keepForLater,
  type SegmentedSeries,
  storeSegs,
  whereListed,
} from "./hand-over.ts";
import { initialPanelState, type PanelState } from "./panel-state.ts";
import { buildPanelState, type StudyPart } from "./panel-view.ts";
import { PreEncode, type SliceToEncode, slicesAround } from "./pre-encode.ts";
import { displayRangeOf, PENDING_OBJECT, PromptEditing } from "./prompt-editing.ts";
import { RecordBook, type SegmentEdit } from "./record-book.ts";
import { runSummary } from "./run-summary.ts";
import { segmentStudy } from "./study-run.ts";

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
  readonly memory: SessionMemory;
}

/** What outlives a study, until the page is closed. A person's name is written nowhere else. */
export interface SessionMemory {
  /** Of the SEGs, as it was typed. */
  creator: string;
}

/**
 * One open study in our mode: which series is current, what runs, what waits for acceptance. The panel and the tool call it; it
 * writes to the host and tells its listeners. All of it ends with {@link stop}: nothing is written later.
 */
export class RefineSession {
  readonly #host: OhifHost;
  readonly #configuration: ExtensionConfiguration;
  readonly #promptView: PromptView;
  readonly #memory: SessionMemory;
  readonly #models: ModelLoader;
  readonly #ownModels = new OwnModels();
  readonly #segStore: SegStore;
  readonly #waitingSegs: WaitingSegs;
  readonly #book: RecordBook;
  readonly #activity: Activity;
  readonly #editing: PromptEditing;
  readonly #preEncode: PreEncode;
  readonly #intensities = new MeasuredIntensities();
  readonly #listeners = new Set<() => void>();
  readonly #life = new AbortController();
  #subscriptions: Subscription[] = [];
  #state: PanelState = initialPanelState;
  #isChangeAnnounced = false;
  #runTimer: ReturnType<typeof setTimeout> | undefined;

  #catalogue: ModelCatalogue | undefined;
  #series: SeriesSource | undefined;
  #selectedModel: string | undefined;
  /** Why no model fits the current series, in a sentence. */
  #noModelReason = "";
  /** The same, a sentence per model. */
  #whyNoModel: readonly string[] = [];
  #refinement: RefinementChoice = "recommended";
  /** Keyed by display set. */
  readonly #failedSlices = new Map<string, ReadonlySet<number>>();
  /** Of this study, left by an earlier failure of the archive. */
  #waiting: readonly OutboxEntry[] = [];
  #downloadFormat: DownloadFormat = "dicom-seg";
  #arePromptsShown = true;
  /** The tool was used in this study: SAM reads slices ahead. */
  #isToolUsed = false;
  /** The slice to go to as soon as the host shows its series. */
  #destination: { readonly displaySet: HostDisplaySet; readonly slice: number } | undefined;
  #recountTimer: ReturnType<typeof setTimeout> | undefined;
  /** What was said when the archive had taken everything. */
  #storedReport: string | undefined;
  /** The study is closed, and what was not stored is being kept. */
  #isKeeping = false;

  constructor({ host, configuration, startRefinery, promptView, readSegOf, memory }: SessionPorts) {
    this.#host = host;
    this.#configuration = configuration;
    this.#promptView = promptView;
    this.#models = new ModelLoader(startRefinery);
    this.#waitingSegs = new WaitingSegs(host);
    this.#segStore = new SegStore(host, this.#waitingSegs, { ...noRemarks, creator: memory.creator });
    this.#memory = memory;
    const life = this.#life.signal;
    const onChange = () => this.#changed();
    this.#activity = new Activity({ life, onChange });
    this.#book = new RecordBook({ host, readSegOf, life, onChange, onUndone: (text) => this.#activity.say(text) });
    this.#editing = new PromptEditing({
      host,
      book: this.#book,
      activity: this.#activity,
      life,
      onChange,
      hasPromptable: () => this.#catalogue?.promptable !== undefined,
      loadPromptable: (signal) => this.#loadModels(true, undefined, signal),
    });
    this.#preEncode = new PreEncode(() => this.#slicesToEncode());
  }

  // --- life -----------------------------------------------------------------------------------------------------------

  async start(): Promise<void> {
    this.#subscriptions = [this.#host.onLayoutChange(() => this.#followViewport())];
    this.#followViewport();
    try {
      await this.#loadCatalogue();
      this.#chooseModel();
      if (!canDrawImages()) throw noWebGl();
    } catch (error) {
      if (!this.#life.signal.aborted) this.#activity.fail(error);
    }
    this.#changed();
  }

  async #loadCatalogue(): Promise<void> {
    const url = new URL(this.#configuration.modelIndexUrl, globalThis.location.href).href;
    this.#catalogue = await loadCatalogue(url, {
      signal: this.#life.signal,
      promptableModel: this.#configuration.promptableModel,
      own: this.#ownModels.load(),
    });
  }

  /** Whether closing the page now would lose something that a person would have to do again. */
  get wouldLose(): boolean {
    return this.hasPending || this.#isKeeping || this.#unsafe().length > 0;
  }

  /**
   * Ends everything; later calls do nothing. What is not stored is read from the host's label maps before this returns its
   * promise, and kept by the browser for when the study is opened again.
   */
  async stop(): Promise<void> {
    if (this.#life.signal.aborted) return;
    this.#editing.dropSilently();
    this.#isKeeping = true;
    const keeping = keepForLater({ catalogue: this.#catalogue, segStore: this.#segStore }, this.#unsafe());
    const reason = new DOMException("The study was closed.", "AbortError");
    this.#life.abort(reason);
    this.#activity.cancel(reason);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#promptView.show(undefined, 0, []);
    await Promise.all([keeping, this.#preEncode.tasks.dispose(), this.#models.dispose()]);
    this.#isKeeping = false;
  }

  /** Segmentations of the study that neither the archive nor this browser holds. */
  #unsafe(): SegmentedSeries[] {
    return [...this.#book.all()].filter(({ record }) => {
      if (!this.#book.isTouched(record) || this.#segStore.isSafe(record)) return false;
      record.recount(Number.POSITIVE_INFINITY);
      return record.hasPixels;
    });
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

  /** Takes the SAM refine tool in hand, or lays it down for the window and level tool that a study opens with. */
  toggleTool(): void {
    if (this.#host.isRefineToolInHand) this.#host.takeWindowLevelTool();
    else this.#host.takeRefineTool();
  }

  /** Another tool was taken in hand, ours or one of the host's. */
  toolChanged(): void {
    this.#host.describeToolButton();
    this.#changed();
  }

  setClickMode(mode: "include" | "exclude"): void {
    this.#editing.clickMode = mode;
    this.#changed();
  }

  setPromptsShown(areShown: boolean): void {
    this.#arePromptsShown = areShown;
    this.#changed();
  }

  activateSegment(number: number): void {
    const record = this.#record();
    if (!record) return;
    if (this.#editing.pending && this.#editing.pending.segment !== number) this.accept();
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
    if (!series || !this.#activity.isIdle) return;
    this.accept();
    const existing = this.#record();
    if (existing && existing.unusedNumber > MAX_SEGMENT_NUMBER) {
      this.#activity.say(
        `This segmentation has used all ${MAX_SEGMENT_NUMBER} numbers of segments, those of deleted ones included. Store it, or change a segment that it has.`,
        "warning",
      );
      return;
    }
    if (existing) this.#book.addSegment(existing, defaultSegment(existing.unusedNumber));
    else await this.#book.ensure(series);
    this.#changed();
  }

  /** Deletes a segment from the segmentation, with its voxels and prompts. */
  removeSegment(number: number): void {
    const record = this.#record();
    const segment = record?.segments.find((candidate) => candidate.number === number);
    if (!record || !segment || !this.#activity.isIdle) return;
    this.accept();
    this.#book.removeSegment(record, number);
    this.#activity.say(`Deleted: ${segment.label}. Undo brings it back.`);
  }

  /** Lists another segmentation of the series on screen; clicks and brushes then change that one. */
  showSegmentation(segmentationId: string): void {
    const series = this.#series;
    const record = this.#book.byId(segmentationId);
    if (!series || !record || !this.#activity.isIdle) return;
    this.accept();
    this.#book.makeCurrent(series, record);
    this.#changed();
  }

  editSegment(number: number, edit: SegmentEdit): void {
    const record = this.#record();
    if (record && this.#activity.isIdle) this.#book.editSegment(record, number, edit);
  }

  selectDownloadFormat(format: DownloadFormat): void {
    this.#downloadFormat = format;
    this.#changed();
  }

  /** Who made the SEGs and what the archive lists them as; a SEG that says otherwise is not yet stored. */
  setRemarks(remarks: SegRemarks): void {
    this.#segStore.remarks = remarks;
    this.#memory.creator = remarks.creator;
    this.#changed();
  }

  /** Shows a slice of the study, in a viewport that shows its series already or in the active one. */
  goToSlice(displaySetUid: string, slice: number): void {
    const displaySet = this.#host.displaySet(displaySetUid);
    if (!displaySet) return;
    const [shownIn] = this.#host.viewportIdsOf(displaySet);
    if (shownIn === undefined) {
      this.#destination = { displaySet, slice };
      this.#host.showSeries(displaySet);
      return;
    }
    if (displaySetUid !== this.#series?.displaySet.displaySetInstanceUID) this.#host.activateViewport(shownIn);
    this.#host.jumpTo(displaySet, slice);
  }

  goToNextFlagged(): void {
    const cells = this.#state.strips.flatMap((strip) => strip.cells);
    const flagged = cells.flatMap((cell, index) => (cell.isFlagged ? [index] : []));
    const current = cells.findIndex((cell) => cell.isVisible);
    const next = cells[nextFlagged(flagged, current) ?? -1];
    if (next) this.goToSlice(next.displaySetUid, next.slice);
    // What runs goes on saying so, and what went wrong stays to be read.
    else if (!this.#activity.isIdle || this.#activity.hasError) return;
    else if (cells.some(({ status }) => status !== "empty")) this.#activity.say("No slice is flagged.");
    else this.#sayReadiness("No slice is to check before the study is segmented.");
  }

  /** A person looked at the slice on screen and takes it for good, or no longer does; as one undoable step. */
  markReviewed(): void {
    const series = this.#series;
    const record = this.#record();
    if (!series || !this.#activity.isIdle) return;
    this.accept();
    if (!record) {
      this.#sayReadiness("There is nothing to review yet: segment the slice first.");
      return;
    }
    const slice = this.#host.visibleSlice(series.displaySet);
    const before = record.state(slice);
    const { isReviewed = false, segments = [] } = before.quality ?? {};
    const isAsBefore = isReviewed && segments.length === 0;
    record.setQuality(slice, isAsBefore ? undefined : { isReviewed: !isReviewed, segments });
    const { history } = record;
    const change = {
      slices: [{ slice, before, after: record.state(slice) }],
      historyBefore: history,
      historyAfter: history,
    };
    const label = isReviewed ? "to be reviewed again" : "reviewed";
    this.#book.pushStep(`mark the slice as ${label}`, [{ record, change }]);
    this.#activity.say(`Marked as ${label}.`);
  }

  cancel(): void {
    this.#activity.cancel(new DOMException("Cancelled.", "AbortError"));
  }

  /**
   * True when the host's own undo is not to be run: something of ours took a step back, or a run is writing slices, over which
   * an undone step would come to lie.
   */
  takesUndo(): boolean {
    return this.#editing.undoGesture() || !this.#activity.isIdle;
  }

  /** The same for redo, which a preview has not. */
  takesRedo(): boolean {
    return this.hasPending || !this.#activity.isIdle;
  }

  undo(): void {
    if (this.takesUndo()) return;
    this.#host.history.undo();
    this.#changed();
  }

  redo(): void {
    if (this.takesRedo()) return;
    this.#host.history.redo();
    this.#changed();
  }

  // --- one click ------------------------------------------------------------------------------------------------------

  /** Segments every series of the study that the model is meant for, the one on screen first; or that one alone. */
  async autoSegment(scope: "study" | "series" = "study"): Promise<void> {
    const current = this.#series;
    const model = this.#model();
    if (!current || !model || !this.#activity.isIdle) return;
    this.accept();
    const { manifest } = model;
    const plan = planOf(manifest, this.#refinement);
    await this.#activity.run("loading", async (signal) => {
      const others = scope === "study" ? this.#displaySetsToSegment() : [];
      const series = [
        current,
        ...others.flatMap((displaySet) => (displaySet === current.displaySet ? [] : this.#openReadable(displaySet))),
      ];
      const outcome = await segmentStudy(
        {
          book: this.#book,
          activity: this.#activity,
          openClient: () => this.#loadModels(plan.passes.length > 0, model, signal),
          intensities: this.#intensities,
          manifest,
          plan,
          life: this.#life.signal,
          visibleSlice: ({ displaySet }) => this.#host.visibleSlice(displaySet),
        },
        series,
        signal,
      );
      if (this.#life.signal.aborted) return;
      let flagged = 0;
      for (const { series, record, failedSlices } of outcome.series) {
        this.#failedSlices.set(series.displaySet.displaySetInstanceUID, failedSlices);
        flagged += record?.flagged(this.#configuration.flagBelowDice).length ?? 0;
      }
      const { text, tone } = runSummary(outcome, flagged);
      this.#activity.say(text, tone);
    });
  }

  /** Nothing for a series that the host holds but cannot describe: the others are segmented all the same. */
  #openReadable(displaySet: HostDisplaySet): SeriesSource[] {
    try {
      return [this.#book.open(displaySet)];
    } catch {
      return [];
    }
  }

  /** The display sets that one click goes through: those that the selected model is meant for, and always the current one. */
  #displaySetsToSegment(): readonly HostDisplaySet[] {
    const current = this.#series?.displaySet;
    const manifest = this.#model()?.manifest;
    if (!current || !manifest) return current ? [current] : [];
    return this.#host.displaySetsOf(current.StudyInstanceUID).filter((displaySet) => {
      if (displaySet === current) return true;
      const traits = seriesTraits(displaySet);
      return traits !== undefined && matchSeries(manifest, traits).fits;
    });
  }

  // --- clicks and boxes -----------------------------------------------------------------------------------------------

  /** A gesture of the tool on an image; the series of the viewport becomes the current one. */
  async gesture(viewportId: string, imageId: string, gesture: Gesture): Promise<void> {
    const displaySet = this.#life.signal.aborted ? undefined : this.#host.seriesOfViewport(viewportId);
    if (!displaySet) return;
    try {
      const series = this.#book.open(displaySet);
      this.#series = series;
      this.#isToolUsed = true;
      this.#preEncode.tasks.makeWay();
      await this.#editing.gesture(series, series.imageIds.indexOf(imageId), gesture);
    } catch (error) {
      this.#activity.fail(error);
    }
  }

  get hasPending(): boolean {
    return this.#editing.pending !== undefined;
  }

  /** Enter: the preview becomes part of the segmentation. */
  accept(): void {
    this.#editing.accept();
  }

  /** M: another of SAM's masks for the same prompts. */
  async otherMask(): Promise<void> {
    await this.#editing.otherMask();
  }

  /** Esc: the slice is as it was before the first click. */
  drop(): void {
    this.#editing.drop();
  }

  /** A prompt on screen was dragged or deleted. */
  async editPrompt(slice: number, objectId: string, prompt: EditablePrompt): Promise<void> {
    const series = this.#series;
    const record = this.#record();
    if (series && record) await this.#editing.editPrompt(series, record, slice, objectId, prompt);
  }

  // --- SEG ------------------------------------------------------------------------------------------------------------

  async store(): Promise<void> {
    await this.#handOver(storeSegs);
  }

  async download(): Promise<void> {
    await this.#handOver(downloadFiles);
  }

  async #handOver(deliver: typeof storeSegs): Promise<void> {
    if (!this.#activity.isIdle) return;
    this.accept();
    const segmented = this.#toHandOver(this.#studyParts());
    if (segmented.length === 0) return;
    await this.#activity.run("storing", async (signal) => {
      const handOver: HandOver = {
        format: this.#format(),
        segStore: this.#segStore,
        activity: this.#activity,
        catalogue: this.#catalogue,
        flagBelowDice: this.#configuration.flagBelowDice,
      };
      const report = await deliver(handOver, segmented, signal);
      this.#activity.say(report);
      if (deliver === storeSegs) this.#storedReport = report;
    });
    await this.listWaiting();
  }

  /** The chosen format where it fits: radiographs are no volume, volumes no PNG. */
  #format(): DownloadFormat {
    const isImage = this.#series?.sliceCount === 1;
    const format = this.#downloadFormat;
    if (format === "dicom-seg" || format === "nnunet") return format;
    return isImage ? "png" : format === "png" ? "nifti" : format;
  }

  /** Stores a SEG that an earlier session could not store. */
  async storeWaiting(entry: OutboxEntry): Promise<void> {
    if (!this.#activity.isIdle) return;
    await this.#activity.run("storing", async (signal) => {
      const isListed = await this.#waitingSegs.store(entry, signal);
      this.#activity.say(`Stored and read back, identical. ${whereListed(1, isListed)}`);
    });
    await this.listWaiting();
  }

  async downloadWaiting(entry: OutboxEntry): Promise<void> {
    const file = await this.#waitingSegs.file(entry);
    if (file) await saveFiles([file], "samrefine");
  }

  async discardWaiting(entry: OutboxEntry): Promise<void> {
    await this.#waitingSegs.discard(entry.id);
    await this.listWaiting();
  }

  /** SEGs of this study that wait for the archive; those on screen are offered by "Store again". */
  async listWaiting(): Promise<void> {
    const studyUid = this.#series?.displaySet.StudyInstanceUID;
    if (studyUid === undefined || this.#life.signal.aborted) return;
    const entries = await this.#waitingSegs.of(studyUid);
    const records = [...this.#book.all()].map(({ record }) => record);
    this.#waiting = entries.filter(
      ({ sopInstanceUid }) => !records.some((record) => this.#segStore.isOnScreen(record, sopInstanceUid)),
    );
    this.#changed();
  }

  /** The current segmentation, and all others of the study that were made or changed here and are not yet in the archive. */
  #toHandOver(parts: readonly StudyPart[]): SegmentedSeries[] {
    return parts.flatMap(({ series, record: current, others }) => {
      if (!series) return [];
      return [...(current ? [current] : []), ...others]
        .filter((record) => (record === current && series === this.#series) || this.#isUnstored(record))
        .filter(({ hasPixels }) => hasPixels)
        .map((record) => ({ series, record }));
    });
  }

  #isUnstored(record: SegmentationRecord): boolean {
    return this.#book.isTouched(record) && !this.#segStore.isStored(record);
  }

  // --- models that the user brings ------------------------------------------------------------------------------------

  /** Keeps a model in this browser, once it was seen to load, and offers it. */
  async bringModel(brought: readonly BroughtFile[]): Promise<void> {
    const { promptable, segmentation = [], own = [] } = this.#catalogue ?? {};
    if (!this.#activity.isIdle || !this.#catalogue) return;
    const isOwn = (url: string) => own.some((entry) => entry.url === url);
    const taken = [...segmentation, ...(promptable ? [promptable] : [])].filter(({ url }) => !isOwn(url));
    await this.#activity.run("loading", async (signal) => {
      const { manifest, url } = await this.#ownModels.add(
        brought,
        taken.map((entry) => entry.manifest.id),
      );
      // One of the same name is loaded already.
      if (own.some((entry) => entry.url === url)) await this.#models.dispose();
      try {
        const isUnet = manifest.task === "semantic-segmentation";
        const models = isUnet ? { segmentation: { manifest, url } } : { promptable: { manifest, url } };
        await this.#models.ready(models, { signal });
      } catch (error) {
        await this.#ownModels.remove(manifest.id);
        throw error;
      }
      await this.#loadCatalogue();
      if (manifest.task === "semantic-segmentation") this.#selectedModel = manifest.id;
      this.#activity.say(`${manifest.title} is kept in this browser and can be used. Research use only.`);
    });
  }

  async removeModel(id: string): Promise<void> {
    if (!this.#activity.isIdle) return;
    await this.#activity.run("loading", async () => {
      await this.#ownModels.remove(id);
      await this.#models.dispose();
      await this.#loadCatalogue();
      if (!this.#model()) this.#selectedModel = undefined;
      this.#activity.say("The model is removed from this browser.");
    });
    if (this.#selectedModel === undefined) this.#chooseModel();
  }

  // --- diagnostics ----------------------------------------------------------------------------------------------------

  /** What runs where, and what is kept, as text to copy; nothing in it is of a patient or a study. */
  async diagnostics(): Promise<string> {
    const client = await this.#models.ready({}, { signal: this.#life.signal });
    const stats = await client.request("stats", undefined, { signal: this.#life.signal });
    const backend = this.#models.backend;
    if (!backend) return "Nothing runs.";
    this.#changed();
    return describeDiagnostics({
      backend,
      stats,
      choices: this.#models.choices,
      surroundings: {
        "SAM Refine": VERSION,
        Browser: navigator.userAgent,
        Processors: navigator.hardwareConcurrency,
        "Cross-origin isolated": globalThis.crossOriginIsolated,
      },
    });
  }

  /** Where models run from now on, on this computer; "automatic" finds out again what is fastest. */
  async chooseBackend(preference: BackendPreference): Promise<void> {
    if (!this.#activity.isIdle) return;
    await this.#activity.run("loading", async (signal) => {
      await this.#models.choose(preference, { signal });
      this.#activity.say("The back end is chosen; the models run there from the next use on.");
    });
  }

  /** Deletes what SAM's encoder made of images, in memory and in the browser's storage. */
  async clearCache(): Promise<void> {
    if (!this.#activity.isIdle) return;
    this.#preEncode.tasks.makeWay();
    const client = await this.#models.ready({}, { signal: this.#life.signal });
    await client.request("clearCache", undefined, { signal: this.#life.signal });
    this.#preEncode.forget();
    this.#activity.say("What was kept of images is deleted.");
  }

  // --- series and models ----------------------------------------------------------------------------------------------

  /** The panel shows the series of the active viewport, but stays with a preview until that is over. */
  #followViewport(): void {
    if (this.#life.signal.aborted || this.#book.isWriting) return;
    this.#host.describeToolButton();
    if (!this.#editing.pending) {
      const displaySet = this.#host.seriesOfViewport(this.#host.activeViewportId);
      if (displaySet && displaySet !== this.#series?.displaySet) this.#makeCurrent(displaySet);
    }
    this.#editing.forget(this.#book.forgetRemoved());
    const series = this.#series;
    const record = this.#record();
    if (series && record) {
      void this.#host.showSegmentation(series.displaySet, record.segmentationId, record.segments);
    }
    this.#changed();
  }

  #makeCurrent(displaySet: HostDisplaySet): void {
    try {
      const isSameStudy = this.#series?.displaySet.StudyInstanceUID === displaySet.StudyInstanceUID;
      this.#series = this.#book.open(displaySet);
      if (!isSameStudy) void this.listWaiting();
      if (!this.#activity.isIdle) return;
      this.#activity.forgetError();
      this.#chooseModel();
    } catch (error) {
      if (this.#activity.isIdle) this.#activity.fail(error);
    }
  }

  #record(): SegmentationRecord | undefined {
    return this.#series && this.#book.of(this.#series);
  }

  /** The series of the study that have to do with us: the current one, those that one click segments, those with a record. */
  #studyParts(toSegment: readonly HostDisplaySet[] = this.#displaySetsToSegment()): StudyPart[] {
    const current = this.#series;
    if (!current) return [];
    return this.#host.displaySetsOf(current.displaySet.StudyInstanceUID).flatMap((displaySet): StudyPart[] => {
      const uid = displaySet.displaySetInstanceUID;
      if (displaySet === current.displaySet || this.#book.has(uid)) {
        const series = displaySet === current.displaySet ? current : this.#book.open(displaySet);
        const record = this.#book.of(series);
        const others = this.#book.allOf(series).filter((other) => other !== record);
        return [{ displaySet, series, record, others, failedSlices: this.#failedSlices.get(uid) }];
      }
      if (!toSegment.includes(displaySet)) return [];
      return [{ displaySet, series: undefined, record: undefined, others: [], failedSlices: undefined }];
    });
  }

  #chooseModel(): void {
    const series = this.#series;
    const catalogue = this.#catalogue;
    if (!series || !catalogue) return;
    const manifests = catalogue.segmentation.map(({ manifest }) => manifest);
    const selected = this.#model()?.manifest;
    const choice =
      selected && matchSeries(selected, series.traits).fits
        ? { model: selected }
        : chooseModel(manifests, series.traits);
    this.#selectedModel = choice.model?.id;
    this.#whyNoModel = choice.model ? [] : choice.perModel;
    this.#noModelReason = choice.model ? "" : choice.reason;
    this.#sayReadiness();
  }

  /** Says what can be done with the series on screen. @param answer said before it, to what a person just asked */
  #sayReadiness(answer?: string): void {
    const model = this.#model()?.manifest;
    const problem = this.#catalogue?.problems[0];
    const ready = model ? this.#readyText(model) : `${this.#noModelReason}${this.#toolText()}`;
    const text = [answer, ready, problem].filter(Boolean).join(" ");
    this.#activity.say(text, model && problem === undefined ? "info" : "warning");
  }

  #toolText(): string {
    return this.#catalogue?.promptable
      ? " The SAM refine tool works on it: choose it in the toolbar and click a structure."
      : "";
  }

  #readyText(model: SegmentationManifest): string {
    const record = this.#record();
    if (!record?.hasPixels) return `Ready: ${model.title}.`;
    const flagged = record.flagged(this.#configuration.flagBelowDice).length;
    return flagged > 0 ? `Segmented. ${flagged} to check: press J to go to the next.` : "Segmented.";
  }

  #model(): CatalogueEntry<SegmentationManifest> | undefined {
    return this.#catalogue?.segmentation.find(({ manifest }) => manifest.id === this.#selectedModel);
  }

  /** Around the visible slice, while SAM is at work by hand and nobody waits for it. */
  #slicesToEncode(): readonly SliceToEncode[] {
    const series = this.#series;
    const promptable = this.#catalogue?.promptable;
    if (!series || !promptable || !this.#isToolUsed || !this.#activity.isIdle || !this.#models.has(promptable))
      return [];
    const visible = this.#host.visibleSlice(series.displaySet);
    return slicesAround(visible, series.sliceCount, PRE_ENCODE_REACH).map((slice) => {
      const key = series.imageIds[slice]!;
      return {
        key,
        encode: async (signal) => {
          const frame = await series.frame(slice, signal);
          const client = await this.#models.ready({ promptable }, { signal });
          await client.request(
            "preEncode",
            { slice: { key, frame }, displayRange: displayRangeOf(series, slice) },
            { signal },
          );
        },
      };
    });
  }

  async #loadModels(
    needsSam: boolean,
    segmentation: CatalogueEntry<SegmentationManifest> | undefined,
    signal: AbortSignal,
  ): Promise<RefineryClient> {
    return this.#models.ready(
      { segmentation, promptable: needsSam ? this.#catalogue?.promptable : undefined },
      { signal, onProgress: (progress) => this.#activity.show("Loading the models", progress) },
    );
  }

  // --- what the host says, and what the panel shows -------------------------------------------------------------------

  /**
   * The host's own tools changed a label map (brush, eraser, their undo). Cornerstone says the same when it only draws one for
   * the first time; it names no slices then, but neither do some tools, so the labels decide.
   */
  hostEdited(segmentationId: string, slices: readonly number[] | undefined): void {
    if (this.#book.isWriting || this.#life.signal.aborted) return;
    const record = this.#book.byId(segmentationId);
    if (!record || (slices === undefined && !record.differsFromCounts())) return;
    record.invalidate();
    const active = this.#host.activeSegment(segmentationId);
    if (active !== undefined) record.markHistory([active], { byHand: true });
    this.#changed();
  }

  /** Another slice came on screen. */
  sliceChanged(): void {
    const destination = this.#destination;
    if (destination && this.#host.viewportIdsOf(destination.displaySet).length > 0) {
      this.#destination = undefined;
      this.#host.jumpTo(destination.displaySet, destination.slice);
    }
    this.#changed();
  }

  /** Counts what the host changed, a few slices at a time, in whichever segmentation of the study it was. */
  #countInBackground(): void {
    if (this.#recountTimer !== undefined) return;
    this.#recountTimer = setTimeout(() => {
      this.#recountTimer = undefined;
      if (this.#life.signal.aborted) return;
      const record = this.#uncounted();
      if (!record) return;
      if (record.recount(RECOUNT_TURN_MS)) this.#changed();
      else this.#countInBackground();
    }, RECOUNT_PAUSE_MS);
  }

  #uncounted(): SegmentationRecord | undefined {
    for (const { record } of this.#book.all()) {
      if (record.hasUncounted && this.#host.segmentation(record.segmentationId)) return record;
    }
    return undefined;
  }

  /** Collects all changes of one turn, or of a moment while a run goes on, into one new state. */
  #changed(): void {
    if (this.#activity.isIdle) this.#preEncode.tasks.schedule();
    else this.#preEncode.tasks.makeWay();
    if (this.#life.signal.aborted || this.#isChangeAnnounced) return;
    // Slices may finish faster than anybody looks; the last one is shown before the run ends.
    const { kind, progress } = this.#activity;
    const isInRun = kind === "running" && this.#state.phase === "running";
    if (isInRun && progress?.completed !== progress?.total) {
      this.#runTimer ??= setTimeout(() => this.#announce(), RUN_PAUSE_MS);
      return;
    }
    this.#isChangeAnnounced = true;
    queueMicrotask(() => this.#announce());
  }

  #announce(): void {
    this.#isChangeAnnounced = false;
    clearTimeout(this.#runTimer);
    this.#runTimer = undefined;
    if (this.#life.signal.aborted) return;
    this.#rebuild();
    for (const listener of this.#listeners) listener();
  }

  #rebuild(): void {
    const series = this.#series;
    const record = this.#record();
    const { history } = this.#host;
    const pending = this.#editing.pending;
    // Once for all that is asked of them: this runs many times a second.
    const toSegment = this.#displaySetsToSegment();
    const parts = this.#studyParts(toSegment);
    const toHandOver = this.#toHandOver(parts);
    if (this.#uncounted()) this.#countInBackground();
    if (toHandOver.length > 0 && this.#activity.isIdle) this.#segStore.makeReady();
    const isStored = toHandOver.length > 0 && toHandOver.every(({ record }) => this.#segStore.isStored(record));
    const isOutdated = this.#activity.status.text === this.#storedReport;
    if (isOutdated && toHandOver.some(({ record }) => this.#isUnstored(record))) {
      this.#activity.say("Changed since it was stored.");
    }
    this.#state = buildPanelState({
      host: this.#host,
      series,
      record,
      parts,
      catalogue: this.#catalogue,
      fits: (manifest) => series !== undefined && matchSeries(manifest, series.traits).fits,
      selectedModel: this.#selectedModel,
      whyNoModel: this.#whyNoModel,
      seriesToSegment: toSegment.length,
      refinement: this.#refinement,
      backend: this.#models.backend,
      backendChoices: this.#models.choices,
      backendPreference: this.#models.preference,
      activity: this.#activity,
      isInArchive: (other) => this.#segStore.isStored(other) || !this.#book.isTouched(other),
      isStored,
      toHandOver: toHandOver.length,
      hasUnstoredSeg: toHandOver.some(({ record }) => this.#segStore.hasUnstored(record)),
      waiting: this.#waiting,
      downloadFormat: this.#format(),
      remarks: this.#segStore.remarks,
      pending,
      clickMode: this.#editing.clickMode,
      arePromptsShown: this.#arePromptsShown,
      isToolInHand: this.#host.isRefineToolInHand,
      flagBelowDice: this.#configuration.flagBelowDice,
      canUndo: history.canUndo || pending !== undefined,
      canRedo: history.canRedo && pending === undefined,
    });
    this.#showPrompts(series, record);
  }

  #showPrompts(series: SeriesSource | undefined, record: SegmentationRecord | undefined): void {
    if (!series || !record || !this.#arePromptsShown) {
      this.#promptView.show(undefined, 0, []);
      return;
    }
    const { pending } = this.#editing;
    const slice = this.#host.visibleSlice(series.displaySet);
    const active = this.#host.activeSegment(record.segmentationId);
    const objects = record.objects(slice);
    // The active segment's prompts; all of them on a slice where it has none, so that what is there can be corrected.
    const ofActive = objects.filter((object) => object.segment === active);
    const shown: ShownPrompt[] = (ofActive.length > 0 ? ofActive : objects)
      .filter((object) => object !== pending?.replaced)
      .map(({ id, prompt }) => ({ id, prompt, isPending: false }));
    if (pending?.record === record && pending.slice === slice) {
      shown.push({ id: PENDING_OBJECT, prompt: promptOf(pending), isPending: true });
    }
    this.#promptView.show(series.displaySet, slice, shown);
  }
}

/** Slices on either side that SAM reads ahead; seven embeddings are a fifth of the cache in memory. */
const PRE_ENCODE_REACH = 3;
/** Between two states of the panel during a run: its progress need not be smoother. */
const RUN_PAUSE_MS = 100;
const RECOUNT_TURN_MS = 10;
const RECOUNT_PAUSE_MS = 30;
