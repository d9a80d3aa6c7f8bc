import { cache } from "@cornerstonejs/core";
import { segmentation } from "@cornerstonejs/tools";
import { RefineError } from "@samrefine/core";
import type { LabelmapPort } from "./segmentation-record.ts";

/**
 * The label map images that the host made for a series, one per frame.
 * @param imageIds Of the label map, in the order of the series.
 */
export function hostLabelmap(segmentationId: string, imageIds: readonly string[]): LabelmapPort {
  const imageOf = (slice: number) => {
    const image = cache.getImage(imageIds[slice]!);
    if (!image) throw new RefineError("disposed", "The label map of this series is no longer in the viewer.");
    return image;
  };
  return {
    sliceCount: imageIds.length,
    geometry: (slice) => {
      const image = imageOf(slice);
      return { columns: image.columns, rows: image.rows };
    },
    read: (slice) => imageOf(slice).voxelManager!.getScalarData() as Uint8Array,
    write: (slice, labels) => {
      (imageOf(slice).voxelManager!.getScalarData() as Uint8Array).set(labels);
    },
    announce: (slices) => {
      // A reconstruction holds the same images in an order of its own, and draws anew only what is named in it.
      const frames = slices.map((slice) => cache.getVolumeContainingImageId(imageIds[slice]!)?.imageIdIndex ?? slice);
      segmentation.triggerSegmentationEvents.triggerSegmentationDataModified(segmentationId, frames);
    },
  };
}
