import { imageLoader } from "@cornerstonejs/core";
import { RefineError } from "@samrefine/core";
import { type Attributes, type DecodedSegment, itemsOf, textOf } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";
import type { HostDisplaySet, HostSegDisplaySet, Subscription } from "../host-types.ts";
import { decodeLabels } from "../labelmap/runs.ts";
import { openSeries } from "../series/series-source.ts";
import { archiveOf } from "./archive.ts";
import { plainInstances } from "./build-job.ts";
import type { ReadSeg } from "./read-seg.ts";
import { readSegInWorker } from "./seg-in-worker.ts";

/**
 * Opens stored SEGs in OHIF's place. OHIF 3.13's own reader makes code from text, which a strict Content Security Policy
 * forbids; it wants a plane in space, which radiographs lack; and it runs on the main thread. Only the reading is ours: the
 * list of series, the viewport and the segmentation that comes of it stay the host's.
 */
export class SegLoader {
  readonly #host: OhifHost;
  /** By SOP Instance UID; the host may ask several times at once. */
  readonly #loading = new Map<string, Promise<void>>();
  /** By the host's segmentation id. */
  readonly #read = new Map<string, ReadSeg>();

  constructor(host: OhifHost) {
    this.#host = host;
  }

  /** Takes over the SEGs that are there and those to come. */
  start(): Subscription {
    this.#loading.clear();
    this.#read.clear();
    return this.#host.onDisplaySets((displaySets) => {
      for (const displaySet of displaySets) if (isSeg(displaySet)) this.#takeOver(displaySet);
    });
  }

  /** What was read for a segmentation of the host: what its label map cannot hold. */
  readOf(segmentationId: string): ReadSeg | undefined {
    return this.#read.get(segmentationId);
  }

  #takeOver(seg: HostSegDisplaySet): void {
    // OHIF's SEG viewport takes a spacing for granted; an empty item is enough for it.
    const [shared = {}] = itemsOf(seg.instance, "SharedFunctionalGroupsSequence");
    if (itemsOf(shared, "PixelMeasuresSequence").length === 0) {
      seg.instance = { ...seg.instance, SharedFunctionalGroupsSequence: [{ ...shared, PixelMeasuresSequence: [{}] }] };
    }
    const drawnOn = this.#findImagesOf(seg);
    if (drawnOn) seg.referencedDisplaySetInstanceUID = drawnOn.displaySetInstanceUID;
    seg.load = () => {
      let loading = this.#loading.get(seg.SOPInstanceUID);
      if (!loading) {
        loading = this.#load(seg).catch((error: unknown) => {
          this.#loading.delete(seg.SOPInstanceUID);
          throw error;
        });
        this.#loading.set(seg.SOPInstanceUID, loading);
      }
      seg.loadingPromise = loading;
      return loading;
    };
  }

  async #load(seg: HostSegDisplaySet): Promise<void> {
    seg.loading = true;
    try {
      const drawnOn = this.#imagesOf(seg);
      const series = openSeries(drawnOn);
      const archive = await archiveOf(this.#host, "retrieve");
      const bytes = await archive.retrieveInstance({
        studyInstanceUid: seg.StudyInstanceUID,
        seriesInstanceUid: seg.SeriesInstanceUID,
        sopInstanceUid: seg.SOPInstanceUID,
      });
      const read = await readSegInWorker(bytes, plainInstances(series.instances));
      const images = imageLoader.createAndCacheDerivedLabelmapImages([...series.imageIds]);
      images.forEach((image, slice) => {
        const state = read.slices[slice];
        if (state) (image.voxelManager!.getScalarData() as Uint8Array).set(decodeLabels(state.labels));
      });
      this.#read.set(seg.displaySetInstanceUID, read);
      seg.referencedDisplaySetInstanceUID = drawnOn.displaySetInstanceUID;
      seg.referencedImageIds = series.imageIds;
      seg.labelMapImages = [images];
      seg.segMetadata = { data: [undefined, ...read.segments.map(hostSegment)] };
      await this.#host.createSegmentationOfSeg(seg);
    } finally {
      seg.loading = false;
    }
  }

  #imagesOf(seg: HostSegDisplaySet): HostDisplaySet {
    const found = this.#findImagesOf(seg) ?? this.#host.displaySet(seg.referencedDisplaySetInstanceUID ?? "");
    if (found) return found;
    throw new RefineError("unsupported-dicom", "The images that this SEG was drawn on are not in the study.", {
      hint: "Open the study that it belongs to.",
      details: { sopInstanceUid: seg.SOPInstanceUID },
    });
  }

  /** The images that the SEG names. OHIF looks at the series alone, and every radiograph is a display set of its own. */
  #findImagesOf(seg: HostSegDisplaySet): HostDisplaySet | undefined {
    const referenced = new Set(
      itemsOf(seg.instance, "ReferencedSeriesSequence").flatMap((series) =>
        itemsOf(series, "ReferencedInstanceSequence").map((item) => textOf(item, "ReferencedSOPInstanceUID")),
      ),
    );
    return this.#host
      .displaySetsOf(seg.StudyInstanceUID)
      .find(({ instances = [] }) => instances.some(({ SOPInstanceUID }) => referenced.has(SOPInstanceUID)));
  }
}

function isSeg(displaySet: HostDisplaySet): displaySet is HostSegDisplaySet {
  return displaySet.Modality === "SEG" && "instance" in displaySet && "load" in displaySet;
}

/** One segment in the words in which OHIF's own reader reports it. */
function hostSegment({
  number,
  label,
  colorRgb,
  category,
  type,
  algorithmType,
  algorithmName,
}: DecodedSegment): Attributes {
  return {
    SegmentNumber: number,
    SegmentLabel: label,
    SegmentAlgorithmType: algorithmType,
    SegmentAlgorithmName: algorithmName,
    SegmentedPropertyCategoryCodeSequence: category && { CodeMeaning: category.meaning },
    SegmentedPropertyTypeCodeSequence: type && { CodeMeaning: type.meaning },
    rgba: [...(colorRgb ?? [255, 255, 0]), 255],
  };
}
