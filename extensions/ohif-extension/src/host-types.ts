/**
 * The parts of OHIF 3.13 that this extension touches. `@ohif/*` publish no usable types, so these are ours; host objects
 * arrive by parameter and are never imported.
 */
export interface Subscription {
  unsubscribe(): void;
}

export interface EventSource {
  readonly EVENTS: Readonly<Record<string, string>>;
  subscribe(event: string, callback: (data: never) => void): Subscription;
}

/** Naturalised DICOM metadata of one instance. Only what is read here; it holds patient data and is never logged. */
export interface HostInstance {
  readonly SOPInstanceUID: string;
  readonly SOPClassUID: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly Modality?: string;
  readonly [keyword: string]: unknown;
}

export interface HostDisplaySet {
  readonly displaySetInstanceUID: string;
  readonly StudyInstanceUID: string;
  readonly SeriesInstanceUID: string;
  readonly Modality: string;
  readonly SeriesDescription?: string;
  readonly SeriesNumber?: number | string;
  /** In display order; one per frame. */
  readonly imageIds?: readonly string[];
  readonly instances?: readonly HostInstance[];
  readonly isDynamicVolume?: boolean;
}

/** A stored SEG as OHIF's SEG extension lists it. */
export interface HostSegDisplaySet extends HostDisplaySet {
  readonly SOPInstanceUID: string;
  /** Naturalised metadata of the SEG. */
  instance: Readonly<Record<string, unknown>>;
  referencedDisplaySetInstanceUID?: string | null;
  /** Makes the segmentation; called by OHIF's viewports when the SEG is opened. */
  load: (options?: object) => Promise<void>;
  loading: boolean;
  loadingPromise?: Promise<void>;
  referencedImageIds?: readonly string[];
  /** What OHIF's own reader leaves behind, and {@link SegmentationService} takes up. */
  labelMapImages?: readonly (readonly unknown[])[];
  segMetadata?: { readonly data: readonly unknown[] };
}

export interface DisplaySetService extends EventSource {
  getDisplaySetByUID(uid: string): HostDisplaySet | undefined;
  getActiveDisplaySets(): readonly HostDisplaySet[];
}

export interface HostViewportState {
  readonly displaySetInstanceUIDs: readonly string[];
}

export interface ViewportGridService extends EventSource {
  getState(): { readonly viewports: ReadonlyMap<string, HostViewportState>; readonly activeViewportId: string };
  getActiveViewportId(): string;
  setActiveViewportId(viewportId: string): void;
}

export interface HostSegment {
  readonly segmentIndex: number;
  readonly label: string;
  readonly active?: boolean;
  readonly locked?: boolean;
  /** Of a loaded SEG: what it says about the segment's origin. */
  readonly cachedStats?: { readonly algorithmType?: string };
}

export interface HostSegmentation {
  readonly segmentationId: string;
  readonly label: string;
  readonly segments: Readonly<Record<number, HostSegment>>;
  readonly representationData: {
    readonly Labelmap?: { readonly imageIds?: readonly string[]; readonly referencedImageIds?: readonly string[] };
  };
}

export interface SegmentationService extends EventSource {
  addOrUpdateSegmentation(segmentation: {
    readonly segmentationId: string;
    readonly representation: {
      readonly type: "Labelmap";
      readonly data: { readonly imageIds: readonly string[]; readonly referencedImageIds: readonly string[] };
    };
    readonly config: {
      readonly label: string;
      readonly fallbackLabel: string;
      readonly segments: Readonly<Record<number, { readonly label: string; readonly active: boolean }>>;
      readonly cachedStats: { readonly info: string };
    };
  }): void;
  createSegmentationForSEGDisplaySet(displaySet: HostSegDisplaySet): Promise<string>;
  addSegmentationRepresentation(
    viewportId: string,
    options: { readonly segmentationId: string; readonly type: "Labelmap" },
  ): Promise<void>;
  getSegmentation(segmentationId: string): HostSegmentation | undefined;
  getSegmentations(): readonly HostSegmentation[];
  getActiveSegmentation(viewportId: string): HostSegmentation | null | undefined;
  setActiveSegmentation(viewportId: string, segmentationId: string): void;
  setActiveSegment(segmentationId: string, segmentIndex: number): void;
  addSegment(
    segmentationId: string,
    config: { readonly segmentIndex?: number; readonly label?: string; readonly color?: readonly number[] },
  ): void;
  setSegmentLabel(segmentationId: string, segmentIndex: number, label: string): void;
  setSegmentColor(viewportId: string, segmentationId: string, segmentIndex: number, rgba: readonly number[]): void;
  getSegmentColor(viewportId: string, segmentationId: string, segmentIndex: number): readonly number[];
  setSegmentVisibility(
    viewportId: string,
    segmentationId: string,
    segmentIndex: number,
    isVisible: boolean,
    type?: string,
  ): void;
  getViewportIdsWithSegmentation(segmentationId: string): readonly string[];
  remove(segmentationId: string): void;
}

export interface UserAuthenticationService {
  getAuthorizationHeader(): Readonly<Record<string, string>> | undefined;
}

export interface HostServices {
  readonly displaySetService: DisplaySetService;
  readonly viewportGridService: ViewportGridService;
  readonly segmentationService: SegmentationService;
  readonly userAuthenticationService?: UserAuthenticationService;
}

export interface HostDataSource {
  getConfig?(): { readonly name?: string; readonly wadoRoot?: string; readonly stowRoot?: string } | undefined;
  readonly deleteStudyMetadataPromise?: (key: string) => void;
  readonly retrieve: {
    readonly series: {
      metadata(query: {
        readonly StudyInstanceUID: string;
        readonly filters?: { readonly seriesInstanceUID: readonly string[] };
      }): Promise<unknown>;
    };
  };
}

export interface HostManagers {
  readonly servicesManager: { readonly services: HostServices };
  readonly commandsManager: {
    runCommand(name: string, options?: object, context?: string): unknown;
  };
  readonly extensionManager: {
    getActiveDataSource(): readonly HostDataSource[];
    getModuleEntry(id: string): unknown;
  };
}
