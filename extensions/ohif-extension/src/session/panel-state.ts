import type { CodedConcept } from "@samrefine/core";
import type { OutboxEntry } from "@samrefine/dicom";
import type { RefinementChoice } from "../models/model-plan.ts";
import type { BackendPreference } from "../refinery/backend-preference.ts";
import { noRemarks, type SegRemarks } from "../seg/seg-remarks.ts";
import type { DownloadFormat } from "../seg/seg-store.ts";
import type { SizeUnit } from "../series/slice-measure.ts";

export type Phase = "idle" | "loading" | "running" | "review" | "storing" | "stored" | "error";

export interface ModelOption {
  readonly id: string;
  readonly title: string;
  readonly fits: boolean;
  /** What will be done with its proposals, and why. */
  readonly plan: string;
}

export interface SegmentRow {
  readonly number: number;
  readonly label: string;
  readonly colorRgb: readonly [number, number, number];
  readonly category: CodedConcept;
  readonly type: CodedConcept;
  readonly isVisible: boolean;
  readonly isActive: boolean;
  readonly voxels: number;
  /** In the unit of the series. */
  readonly size: number;
  readonly estimatedDice: number | undefined;
}

/** One slice or image of the study. */
export interface SliceCell {
  readonly displaySetUid: string;
  readonly slice: number;
  readonly status: "empty" | "done" | "failed" | "reviewed";
  readonly worstDice: number | undefined;
  readonly isFlagged: boolean;
  readonly isVisible: boolean;
}

export interface SliceStrip {
  readonly title: string;
  /** True for radiographs and the like: every cell is an image of its own. */
  readonly isOfImages: boolean;
  readonly cells: readonly SliceCell[];
}

export interface ProgressState {
  readonly label: string;
  readonly completed: number;
  /** Undefined while the total is not known. */
  readonly total: number | undefined;
}

export interface StatusMessage {
  readonly text: string;
  readonly tone: "info" | "warning" | "error";
}

/** Everything the panel shows; a new value for every change, never mutated. */
export interface PanelState {
  readonly phase: Phase;
  readonly status: StatusMessage;
  readonly backend: string;
  readonly backendPreference: BackendPreference;
  readonly seriesTitle: string | undefined;
  readonly sliceCount: number;
  readonly notes: readonly string[];
  readonly models: readonly ModelOption[];
  readonly selectedModel: string | undefined;
  /** Those that were brought into this browser. */
  readonly ownModels: readonly { readonly id: string; readonly title: string }[];
  /** Why no model fits, a sentence per model; empty when one does. */
  readonly whyNoModel: readonly string[];
  /** How many series of the study one click goes through. */
  readonly seriesToSegment: number;
  readonly refinement: RefinementChoice;
  readonly canAutoSegment: boolean;
  readonly progress: ProgressState | undefined;
  readonly segments: readonly SegmentRow[];
  /** Segmentations of the same series beside the one whose segments are listed: drawn and stored as well. */
  readonly otherSegmentations: readonly {
    readonly id: string;
    readonly label: string;
    /** Labels of the segments that are there. */
    readonly segments: readonly string[];
    readonly isStored: boolean;
  }[];
  readonly unit: SizeUnit["kind"];
  /** Of the current series and of the others of the study that are or can be segmented. */
  readonly strips: readonly SliceStrip[];
  readonly flaggedCount: number;
  /** Of the segmentation that is listed. */
  readonly flagBelowDice: number;
  /** A SAM answer that waits for Enter or Esc. */
  readonly pending:
    | {
        readonly segmentLabel: string;
        readonly points: number;
        readonly hasBox: boolean;
        /** Which of SAM's four masks is shown, 0..3; undefined before the first answer. */
        readonly maskToken: number | undefined;
      }
    | undefined;
  readonly clickMode: "include" | "exclude";
  readonly arePromptsShown: boolean;
  /** The SAM refine tool is the left mouse button's in the active viewport. */
  readonly isToolInHand: boolean;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /** How many SEGs storing makes now; 0 while there is nothing to store or something runs. */
  readonly segsToStore: number;
  /** A SEG whose storing failed: it is kept and can be stored again or downloaded. */
  readonly hasUnstoredSeg: boolean;
  /** SEGs of this study that an earlier session could not store. */
  readonly waiting: readonly OutboxEntry[];
  readonly downloadFormat: DownloadFormat;
  readonly remarks: SegRemarks;
}

export const initialPanelState: PanelState = {
  phase: "idle",
  status: { text: "Open a series to begin.", tone: "info" },
  backend: "",
  backendPreference: "automatic",
  seriesTitle: undefined,
  sliceCount: 0,
  notes: [],
  models: [],
  selectedModel: undefined,
  ownModels: [],
  whyNoModel: [],
  seriesToSegment: 0,
  refinement: "recommended",
  canAutoSegment: false,
  progress: undefined,
  segments: [],
  otherSegmentations: [],
  unit: "pixels",
  strips: [],
  flaggedCount: 0,
  flagBelowDice: 0.75,
  pending: undefined,
  clickMode: "include",
  arePromptsShown: true,
  isToolInHand: false,
  canUndo: false,
  canRedo: false,
  segsToStore: 0,
  hasUnstoredSeg: false,
  waiting: [],
  downloadFormat: "dicom-seg",
  remarks: noRemarks,
};
