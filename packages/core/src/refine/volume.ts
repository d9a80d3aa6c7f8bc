import type { Image2D } from "../image/image.ts";
import type { SegmentNumber, SegmentStack } from "../mask/mask.ts";
import type { RefinementResult, RefineOptions } from "./result.ts";

/** A volume as slices, with the network's proposal for each. */
export interface VolumeToRefine {
  /** Ascending k, all of one grid. */
  readonly slices: readonly Image2D[];
  /** One per slice, on the network's grid, with the same classes in the same order. */
  readonly initial: readonly SegmentStack[];
  /** Between voxel centres along i, j, k, in any one unit; planes across the slices are stretched by it. Default 1, 1, 1. */
  readonly spacing?: readonly [i: number, j: number, k: number] | undefined;
  /** One per slice, see `RefineOptions.secondOpinion`; not looked at where slices are propagated. */
  readonly secondOpinion?: readonly SegmentStack[] | undefined;
}

/** Without what belongs to one slice. */
export type RefineVolumeOptions = Omit<RefineOptions, "embedding" | "outputGeometry" | "secondOpinion" | "logits">;

export interface VolumeSlice {
  readonly k: number;
  /** On the slice's own grid. */
  readonly result: RefinementResult;
  /** Classes whose mask was carried over from a neighbouring slice, because the network was not asked or saw nothing. */
  readonly propagated: readonly SegmentNumber[];
  /** Classes whose way ended here, with the reason; they are absent on this slice. */
  readonly stopped: ReadonlyMap<SegmentNumber, StopReason>;
}

/** Why a class was not carried on to a slice. */
export type StopReason =
  /** `not-found`: SAM found nothing, or was overruled by the plan; `one-way`: the other side brought nothing like it. */
  "not-found" | "too-small" | "low-predicted-iou" | "no-object" | "unlike-neighbour" | "jumped-away" | "one-way";
