import type { VolumeGeometry } from "./geometry/geometry.ts";
import type { Image2D } from "./image/image.ts";

/** One case of a data set, as slices. A 2D image is a volume of one slice. */
export interface DatasetCase {
  readonly id: string;
  /** For 2D images without spacing: identity affine. Volumes are the way up that `displayFlips` describes. */
  readonly geometry: VolumeGeometry;
  /** Geometry of the volume's file, which may count its axes the other way; what is written beside it must do the same. */
  readonly storedGeometry?: VolumeGeometry;
  readonly hasSpacing: boolean;
  /** `geometry.size[2]` single-channel images in modality units, ascending k. */
  readonly slices: readonly Image2D[];
}

/** Exclusive integer labels of a case, one array per slice, same grid as the case's image, 0 = background. */
export interface DatasetLabels {
  readonly id: string;
  readonly slices: readonly Uint8Array[];
}

export type SplitName = "labeled" | "unlabeled" | "val" | "test";

/** An nnU-Net v2 raw data set with our split.json, opened for reading. */
export interface DatasetSource {
  readonly name: string;
  /** In order of label value, background left out; `value` is the integer in the label files, 1-based without gaps. */
  readonly labels: readonly { readonly name: string; readonly value: number }[];
  readonly ignoreLabel: number | undefined;
  /** Channel name of dataset.json, e.g. "CT", "MRI", "radiograph". */
  readonly channelName: string;
  readonly dimension: 2 | 3;
  caseIds(split: SplitName): readonly string[];
  /** @throws RefineError `dataset` naming the case when the file is missing, unreadable or of another size. */
  readCase(id: string): Promise<DatasetCase>;
  /** @throws RefineError `dataset`, also for label values outside dataset.json. */
  readLabels(id: string): Promise<DatasetLabels>;
}
