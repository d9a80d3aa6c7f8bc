import {
  getEnabledElementByViewportId,
  getShouldUseCPURendering,
  imageLoader,
  type Types,
  utilities,
} from "@cornerstonejs/core";
import { annotation, segmentation, ToolGroupManager } from "@cornerstonejs/tools";
import { samRefineButton } from "@samrefine/ohif-mode";
import type {
  HostDataSource,
  HostDisplaySet,
  HostManagers,
  HostSegDisplaySet,
  HostSegment,
  HostSegmentation,
  Subscription,
} from "../host-types.ts";
import { SAM_REFINE_TOOL } from "../names.ts";
import { isImageSeries } from "../series/series-source.ts";
import { nextTask } from "./next-task.ts";

/** Viewports that show image slices: stacks and volume slices. */
type SliceViewport = Types.IStackViewport | Types.IVolumeViewport;

interface ShownSegment {
  readonly number: number;
  readonly label: string;
  readonly colorRgb: readonly [number, number, number];
}

/** What the session asks of OHIF and Cornerstone, in the session's own words. */
export class OhifHost {
  readonly #managers: HostManagers;

  constructor(managers: HostManagers) {
    this.#managers = managers;
  }

  get #services() {
    return this.#managers.servicesManager.services;
  }

  get dataSource(): HostDataSource | undefined {
    return this.#managers.extensionManager.getActiveDataSource()[0];
  }

  authorization(): Readonly<Record<string, string>> {
    return this.#services.userAuthenticationService?.getAuthorizationHeader() ?? {};
  }

  get activeViewportId(): string {
    return this.#services.viewportGridService.getActiveViewportId();
  }

  /** The image series of a viewport; overlays such as SEG are passed over. */
  seriesOfViewport(viewportId: string): HostDisplaySet | undefined {
    const { viewports } = this.#services.viewportGridService.getState();
    for (const uid of viewports.get(viewportId)?.displaySetInstanceUIDs ?? []) {
      const displaySet = this.#services.displaySetService.getDisplaySetByUID(uid);
      if (displaySet && isImageSeries(displaySet)) return displaySet;
    }
    return undefined;
  }

  displaySet(uid: string): HostDisplaySet | undefined {
    return this.#services.displaySetService.getDisplaySetByUID(uid);
  }

  /** The image series of a study. */
  displaySetsOf(studyInstanceUid: string): readonly HostDisplaySet[] {
    return this.#services.displaySetService
      .getActiveDisplaySets()
      .filter((displaySet) => displaySet.StudyInstanceUID === studyInstanceUid && isImageSeries(displaySet));
  }

  /** Told of the display sets that are there, and of every one that comes. */
  onDisplaySets(callback: (displaySets: readonly HostDisplaySet[]) => void): Subscription {
    const service = this.#services.displaySetService;
    callback(service.getActiveDisplaySets());
    const added = service.EVENTS.DISPLAY_SETS_ADDED ?? "";
    return service.subscribe(added, (event: { readonly displaySetsAdded: readonly HostDisplaySet[] }) =>
      callback(event.displaySetsAdded),
    );
  }

  /** Makes the host's segmentation of a SEG whose label map images were made. */
  async createSegmentationOfSeg(displaySet: HostSegDisplaySet): Promise<void> {
    await this.#services.segmentationService.createSegmentationForSEGDisplaySet(displaySet);
  }

  viewportIdsOf(displaySet: HostDisplaySet): string[] {
    const { viewports } = this.#services.viewportGridService.getState();
    return [...viewports]
      .filter(([, { displaySetInstanceUIDs }]) => displaySetInstanceUIDs.includes(displaySet.displaySetInstanceUID))
      .map(([id]) => id);
  }

  viewport(viewportId: string): SliceViewport | undefined {
    return getEnabledElementByViewportId(viewportId)?.viewport as SliceViewport | undefined;
  }

  /** Index of the slice that the series' viewport shows, the active viewport first; 0 when none shows it. */
  visibleSlice(displaySet: HostDisplaySet): number {
    for (const id of this.#viewportsActiveFirst(displaySet)) {
      const imageId = this.viewport(id)?.getCurrentImageId?.();
      const slice = imageId === undefined ? -1 : (displaySet.imageIds ?? []).indexOf(imageId);
      if (slice >= 0) return slice;
    }
    return 0;
  }

  jumpTo(displaySet: HostDisplaySet, slice: number): void {
    const imageId = displaySet.imageIds?.[slice];
    for (const id of this.#viewportsActiveFirst(displaySet)) {
      const viewport = this.viewport(id);
      if (!viewport || imageId === undefined) continue;
      const imageIndex = viewport.getImageIds().indexOf(imageId);
      if (imageIndex < 0) continue;
      void utilities.jumpToSlice(viewport.element, { imageIndex });
      return;
    }
  }

  /** Puts a series into the active viewport; the host tells {@link onLayoutChange} when it is there. */
  showSeries(displaySet: HostDisplaySet): void {
    this.#managers.commandsManager.runCommand("setDisplaySetsForViewports", {
      viewportsToUpdate: [
        { viewportId: this.activeViewportId, displaySetInstanceUIDs: [displaySet.displaySetInstanceUID] },
      ],
    });
  }

  activateViewport(viewportId: string): void {
    this.#services.viewportGridService.setActiveViewportId(viewportId);
  }

  #viewportsActiveFirst(displaySet: HostDisplaySet): string[] {
    const active = this.activeViewportId;
    return this.viewportIdsOf(displaySet).sort((a, b) => Number(b === active) - Number(a === active));
  }

  /**
   * Makes an empty label map and shows it wherever the series is shown. As OHIF's own `createLabelmapForDisplaySet`, but a few
   * images at a time: all images of a long series in one task would stop the viewer for a second.
   */
  async createSegmentation(
    displaySet: HostDisplaySet,
    label: string,
    segments: readonly ShownSegment[],
  ): Promise<string> {
    const referencedImageIds = [...(displaySet.imageIds ?? [])];
    const imageIds: string[] = [];
    for (let start = 0; start < referencedImageIds.length; start += IMAGES_AT_ONCE) {
      const some = referencedImageIds.slice(start, start + IMAGES_AT_ONCE);
      const made = await imageLoader.createAndCacheDerivedLabelmapImages(some);
      imageIds.push(...made.map(({ imageId }) => imageId));
      await nextTask();
    }
    const segmentationId = crypto.randomUUID();
    await afterPendingFrames();
    await nextTask();
    this.#services.segmentationService.addOrUpdateSegmentation({
      segmentationId,
      representation: { type: "Labelmap", data: { imageIds, referencedImageIds } },
      config: {
        label,
        fallbackLabel: `S:${displaySet.SeriesNumber ?? ""} ${displaySet.Modality}`,
        segments: Object.fromEntries(
          segments.map((segment, index) => [segment.number, { label: segment.label, active: index === 0 }]),
        ),
        cachedStats: { info: `S${displaySet.SeriesNumber ?? ""}: ${displaySet.SeriesDescription ?? ""}` },
      },
    });
    // The host's answer to it is long enough for a task of its own.
    await nextTask();
    await this.showSegmentation(displaySet, segmentationId, segments);
    return segmentationId;
  }

  /** Shows a segmentation in every viewport of its series that does not show it yet, in the segments' own colours. */
  async showSegmentation(
    displaySet: HostDisplaySet,
    segmentationId: string,
    segments: readonly ShownSegment[],
  ): Promise<void> {
    const service = this.#services.segmentationService;
    const shown = service.getViewportIdsWithSegmentation(segmentationId);
    for (const viewportId of this.viewportIdsOf(displaySet)) {
      if (shown.includes(viewportId)) continue;
      await service.addSegmentationRepresentation(viewportId, { segmentationId, type: "Labelmap" });
      this.#paint(viewportId, segmentationId, segments);
    }
  }

  /** Sets all colours and lets the host draw once, where its own call would draw once per segment. */
  #paint(viewportId: string, segmentationId: string, segments: readonly ShownSegment[]): void {
    const { getSegmentIndexColor, setSegmentIndexColor } = segmentation.config.color;
    segments.forEach(({ number, colorRgb }, index) => {
      const color: [number, number, number, number] = [...colorRgb, 255];
      if (index < segments.length - 1) Object.assign(getSegmentIndexColor(viewportId, segmentationId, number), color);
      else setSegmentIndexColor(viewportId, segmentationId, number, color);
    });
  }

  segmentation(segmentationId: string): HostSegmentation | undefined {
    return this.#services.segmentationService.getSegmentation(segmentationId);
  }

  /** The active label map of a viewport, when it lies on this very series. */
  activeSegmentation(displaySet: HostDisplaySet): HostSegmentation | undefined {
    for (const viewportId of this.#viewportsActiveFirst(displaySet)) {
      const active = this.#services.segmentationService.getActiveSegmentation(viewportId);
      const labelmap = active?.representationData.Labelmap;
      if (!active || labelmap?.imageIds?.length !== displaySet.imageIds?.length) continue;
      const referenced = labelmap?.referencedImageIds?.[0];
      if (referenced === undefined || displaySet.imageIds?.includes(referenced)) return active;
    }
    return undefined;
  }

  /** Makes a segmentation the active one wherever its series is shown with it. */
  activateSegmentation(displaySet: HostDisplaySet, segmentationId: string): void {
    const service = this.#services.segmentationService;
    const shown = service.getViewportIdsWithSegmentation(segmentationId);
    for (const viewportId of this.viewportIdsOf(displaySet)) {
      // The host draws and renders its tool bars anew even when nothing changes.
      const isActive = service.getActiveSegmentation(viewportId)?.segmentationId === segmentationId;
      if (shown.includes(viewportId) && !isActive) service.setActiveSegmentation(viewportId, segmentationId);
    }
  }

  activeSegment(segmentationId: string): number | undefined {
    const index = segmentation.segmentIndex.getActiveSegmentIndex(segmentationId);
    return index === undefined ? undefined : Number(index);
  }

  setActiveSegment(segmentationId: string, number: number): void {
    this.#services.segmentationService.setActiveSegment(segmentationId, number);
  }

  addSegment(segmentationId: string, number: number, label: string): void {
    this.#services.segmentationService.addSegment(segmentationId, { segmentIndex: number, label });
  }

  /**
   * Takes a segment off the host's list; its pixels stay. Cornerstone's own removal would forget how the label map names it, and
   * go through every voxel.
   * @returns what {@link restoreSegment} puts back
   */
  removeSegment(segmentationId: string, number: number): HostSegment | undefined {
    const { [number]: removed, ...others } = segmentation.state.getSegmentation(segmentationId)?.segments ?? {};
    segmentation.updateSegmentations([{ segmentationId, payload: { segments: others } }]);
    return removed;
  }

  restoreSegment(segmentationId: string, segment: HostSegment): void {
    const segments = segmentation.state.getSegmentation(segmentationId)?.segments ?? {};
    const payload = { segments: { ...segments, [segment.segmentIndex]: segment as never } };
    segmentation.updateSegmentations([{ segmentationId, payload }]);
  }

  setSegmentLabel(segmentationId: string, number: number, label: string): void {
    this.#services.segmentationService.setSegmentLabel(segmentationId, number, label);
  }

  lockedSegments(segmentationId: string): ReadonlySet<number> {
    return new Set(segmentation.segmentLocking.getLockedSegmentIndices(segmentationId).map(Number));
  }

  segmentColor(segmentationId: string, number: number): readonly [number, number, number] {
    const service = this.#services.segmentationService;
    const viewportId = service.getViewportIdsWithSegmentation(segmentationId)[0];
    const color = viewportId === undefined ? undefined : service.getSegmentColor(viewportId, segmentationId, number);
    return color ? [color[0] ?? 0, color[1] ?? 0, color[2] ?? 0] : [255, 255, 0];
  }

  setSegmentColor(segmentationId: string, number: number, [red, green, blue]: readonly [number, number, number]): void {
    const service = this.#services.segmentationService;
    for (const viewportId of service.getViewportIdsWithSegmentation(segmentationId)) {
      service.setSegmentColor(viewportId, segmentationId, number, [red, green, blue, 255]);
    }
  }

  isSegmentVisible(segmentationId: string, number: number): boolean {
    const viewportId = this.#services.segmentationService.getViewportIdsWithSegmentation(segmentationId)[0];
    if (viewportId === undefined) return true;
    return (
      segmentation.config.visibility.getSegmentIndexVisibility(
        viewportId,
        { segmentationId, type: "Labelmap" as never },
        number,
      ) !== false
    );
  }

  setSegmentVisible(segmentationId: string, number: number, isVisible: boolean): void {
    const service = this.#services.segmentationService;
    for (const viewportId of service.getViewportIdsWithSegmentation(segmentationId)) {
      service.setSegmentVisibility(viewportId, segmentationId, number, isVisible);
    }
  }

  /** Presses the toolbar button of our tool. */
  takeRefineTool(): void {
    this.#takeTool(samRefineButton(SAM_REFINE_TOOL).props.commands.commandOptions);
  }

  /** Presses that of the tool which a study opens with. */
  takeWindowLevelTool(): void {
    this.#takeTool({ toolName: "WindowLevel" });
  }

  #takeTool(options: object): void {
    this.#managers.commandsManager.runCommand("setToolActiveToolbar", options);
  }

  /** Whether the left mouse button is our tool's in the active viewport. */
  get isRefineToolInHand(): boolean {
    const group = ToolGroupManager.getToolGroupForViewport(this.activeViewportId);
    return group?.getActivePrimaryMouseButtonTool() === SAM_REFINE_TOOL;
  }

  /** Says it of the toolbar's button to those who cannot see its colour, by which alone the host says it. */
  describeToolButton(): void {
    const button = document.querySelector(`[data-tool="${SAM_REFINE_TOOL}"] button`);
    button?.setAttribute("aria-pressed", String(this.isRefineToolInHand));
  }

  /** True without WebGL: the host then draws on the CPU. */
  get isDrawnOnCpu(): boolean {
    return getShouldUseCPURendering();
  }

  get history(): typeof utilities.HistoryMemo.DefaultHistoryMemo {
    return utilities.HistoryMemo.DefaultHistoryMemo;
  }

  removeAnnotations(uids: Iterable<string>): void {
    for (const uid of uids) annotation.state.removeAnnotation(uid);
  }

  /** Study lists and viewports: anything after which another series may be the current one. */
  onLayoutChange(callback: () => void): Subscription {
    const { viewportGridService, displaySetService, segmentationService } = this.#services;
    const sources = [viewportGridService, displaySetService, segmentationService];
    const names = new Set([
      "ACTIVE_VIEWPORT_ID_CHANGED",
      "GRID_STATE_CHANGED",
      "VIEWPORTS_READY",
      "DISPLAY_SETS_CHANGED",
      "SEGMENTATION_REMOVED",
      "SEGMENTATION_MODIFIED",
      "SEGMENTATION_ADDED",
      "SEGMENTATION_REPRESENTATION_MODIFIED",
    ]);
    const subscriptions = sources.flatMap((source) =>
      Object.entries(source.EVENTS)
        .filter(([name]) => names.has(name))
        .map(([, event]) => source.subscribe(event, callback)),
    );
    return { unsubscribe: () => subscriptions.forEach((subscription) => void subscription.unsubscribe()) };
  }
}

/**
 * Cornerstone 5.6 draws label maps from a queue, one entry per frame, and an entry for a segmentation that no viewport shows yet
 * stops the queue. It makes such an entry for every new segmentation, unless nothing waits to be drawn.
 */
async function afterPendingFrames(): Promise<void> {
  for (let frame = 0; frame < PENDING_FRAMES; frame++) {
    await new Promise<void>((resolve) => {
      // A tab in the background gets no frames.
      const timer = setTimeout(resolve, LONGEST_FRAME_MS);
      requestAnimationFrame(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const IMAGES_AT_ONCE = 8;
const PENDING_FRAMES = 4;
const LONGEST_FRAME_MS = 500;
