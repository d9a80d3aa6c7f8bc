import type { Page } from "playwright-core";

/** One segment of a label map that the viewer holds. */
export interface ShownSegment {
  readonly number: number;
  readonly label: string;
}

/** SOP Instance UID of an image; with the number behind it where it is a frame of a file of several. */
export function imageNameOf(sopInstanceUid: string, frameNumber: number | undefined): string {
  return frameNumber === undefined ? sopInstanceUid : `${sopInstanceUid}#${frameNumber}`;
}

/** One label map that the viewer holds, whatever our own code believes about it. */
export interface ShownLabelmap {
  readonly segmentationId: string;
  readonly label: string;
  readonly segments: readonly ShownSegment[];
  /** Labels by {@link imageNameOf} the image that the slice lies on, row-major; 0 = background. */
  readonly slices: ReadonlyMap<string, Uint8Array>;
}

/** The little of Cornerstone's tools that is asked for; OHIF puts it on `window`. */
interface CornerstoneToolsGlobal {
  readonly cornerstoneTools: {
    readonly segmentation: {
      readonly state: {
        getSegmentations(): readonly {
          readonly segmentationId: string;
          readonly label: string;
          readonly segments: Readonly<Record<string, { readonly segmentIndex: number; readonly label: string } | null>>;
          readonly representationData: { readonly Labelmap?: { readonly imageIds?: readonly string[] } };
        }[];
      };
    };
  };
  readonly cornerstone: {
    readonly cache: {
      getImage(imageId: string):
        | {
            readonly referencedImageId?: string;
            readonly voxelManager: { getScalarData(): ArrayLike<number> };
          }
        | undefined;
    };
    readonly metaData: {
      get(
        module: string,
        imageId: string,
      ): { readonly SOPInstanceUID: string; readonly NumberOfFrames?: number | string } | undefined;
    };
  };
}

/** Every label map in the viewer, read from Cornerstone's own state and image cache. */
export async function shownLabelmaps(page: Page): Promise<readonly ShownLabelmap[]> {
  const found = await page.evaluate(() => {
    const { cornerstone, cornerstoneTools } = globalThis as unknown as CornerstoneToolsGlobal;
    return cornerstoneTools.segmentation.state.getSegmentations().map((segmentation) => ({
      segmentationId: segmentation.segmentationId,
      label: segmentation.label,
      segments: Object.values(segmentation.segments).flatMap((segment) =>
        segment ? [{ number: segment.segmentIndex, label: segment.label }] : [],
      ),
      slices: (segmentation.representationData.Labelmap?.imageIds ?? []).map((imageId) => {
        const image = cornerstone.cache.getImage(imageId);
        if (image?.referencedImageId === undefined) throw new Error(`The label map image ${imageId} is not there.`);
        const instance = cornerstone.metaData.get("instance", image.referencedImageId);
        const uid = instance?.SOPInstanceUID ?? "";
        const isFrame = Number(instance?.NumberOfFrames ?? 1) > 1;
        const frame = isFrame ? Number(/\/frames\/(\d+)/.exec(image.referencedImageId)?.[1]) : undefined;
        const labels = image.voxelManager.getScalarData();
        // As runs of [label, length], since the pixels travel as JSON.
        const runs: number[] = [];
        for (let i = 0, start = 0; i < labels.length; i++) {
          if (i + 1 < labels.length && labels[i] === labels[i + 1]) continue;
          runs.push(labels[i] ?? 0, i + 1 - start);
          start = i + 1;
        }
        return { uid, frame, runs };
      }),
    }));
  });
  return found.map(({ slices, ...segmentation }) => ({
    ...segmentation,
    slices: new Map(slices.map(({ uid, frame, runs }) => [imageNameOf(uid, frame), fromRuns(runs)])),
  }));
}

/** The one label map in the viewer. */
export async function onlyLabelmap(page: Page): Promise<ShownLabelmap> {
  const labelmaps = await shownLabelmaps(page);
  const [first] = labelmaps;
  if (first === undefined || labelmaps.length > 1)
    throw new Error(`There are ${labelmaps.length} label maps, not one.`);
  return first;
}

/** Pixels of one segment over all slices. */
export function countShown(labelmap: ShownLabelmap, segment: number): number {
  let count = 0;
  for (const labels of labelmap.slices.values()) for (const label of labels) if (label === segment) count += 1;
  return count;
}

/** Pixels whose label differs between two label maps of one series. */
export function countDifferent(a: ShownLabelmap, b: ShownLabelmap): number {
  let count = 0;
  for (const [uid, labels] of a.slices) {
    const others = b.slices.get(uid);
    if (others?.length !== labels.length) throw new Error(`The other label map lacks the slice ${uid}.`);
    for (let i = 0; i < labels.length; i++) if (labels[i] !== others[i]) count += 1;
  }
  return count;
}

function fromRuns(runs: readonly number[]): Uint8Array {
  let length = 0;
  for (let i = 1; i < runs.length; i += 2) length += runs[i] ?? 0;
  const labels = new Uint8Array(length);
  for (let i = 0, at = 0; i < runs.length; i += 2) {
    const end = at + (runs[i + 1] ?? 0);
    labels.fill(runs[i] ?? 0, at, end);
    at = end;
  }
  return labels;
}
