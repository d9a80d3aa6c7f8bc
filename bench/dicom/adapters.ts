import { pathToFileURL } from "node:url";
import type { LabelmapSize } from "./labelmap.ts";
import { type SegCodec, sliceAttributes } from "./seg-codec.ts";

type Metadata = Readonly<Record<string, unknown>>;
interface MetadataProvider {
  get(type: string, imageId: string): unknown;
}

/** The part of the bundle that is used; the package's own types name modules that are not installed. */
interface AdaptersBundle {
  generateSegmentation(
    images: readonly unknown[],
    labelmap: Metadata,
    metadata: MetadataProvider,
    options: Metadata,
  ): { readonly dataset: unknown };
  createFromDICOMSegBuffer(
    imageIds: readonly string[],
    file: ArrayBuffer,
    options: { readonly metadataProvider: MetadataProvider },
  ): Promise<{
    readonly labelMapImages: readonly (readonly {
      readonly voxelManager: { getScalarData(): Uint8Array };
    }[])[];
  }>;
  readonly cache: { purgeCache(): void; setMaxCacheSize(bytes: number): void };
  readonly metaData: {
    addProvider(provider: (type: string, imageId: string) => unknown, priority: number): void;
    get(type: string, imageId: string): unknown;
  };
  readonly data: { datasetToDict(dataset: unknown): { write(): ArrayBuffer } };
}

const imageIdOf = (k: number): string => `bench:${k}`;

/** Cornerstone's metadata modules of a slice. */
function metadataOf(type: string, k: number, size: LabelmapSize): unknown {
  const instance = sliceAttributes(k, size);
  const { columns, rows } = size;
  const identity = { SOPInstanceUID: instance.SOPInstanceUID, SOPClassUID: instance.SOPClassUID };
  switch (type) {
    case "instance":
    case "ImageData":
      return instance;
    case "StudyData":
    case "SeriesData":
      return { StudyInstanceUID: instance.StudyInstanceUID, SeriesInstanceUID: instance.SeriesInstanceUID };
    case "imagePlaneModule":
      return {
        rows,
        columns,
        imagePositionPatient: instance.ImagePositionPatient,
        imageOrientationPatient: instance.ImageOrientationPatient,
        rowCosines: [1, 0, 0],
        columnCosines: [0, 1, 0],
        rowPixelSpacing: 0.7,
        columnPixelSpacing: 0.7,
        frameOfReferenceUID: instance.FrameOfReferenceUID,
      };
    case "generalSeriesModule":
      return {
        modality: "CT",
        seriesInstanceUID: instance.SeriesInstanceUID,
        studyInstanceUID: instance.StudyInstanceUID,
      };
    case "generalImageModule":
      return { sopInstanceUID: identity.SOPInstanceUID, instanceNumber: k + 1 };
    case "sopCommonModule":
      return { sopInstanceUID: identity.SOPInstanceUID, sopClassUID: identity.SOPClassUID };
    case "imagePixelModule":
      return {
        bitsAllocated: 16,
        bitsStored: 16,
        highBit: 15,
        pixelRepresentation: 1,
        samplesPerPixel: 1,
        photometricInterpretation: "MONOCHROME2",
        rows,
        columns,
      };
    default:
      return undefined;
  }
}

/** `@cornerstonejs/adapters` from the bundle at `path`, called as OHIF calls it for BINARY, Explicit VR Little Endian. */
export async function openAdapters(path: string): Promise<SegCodec> {
  const adapters = (await import(pathToFileURL(path).href)) as AdaptersBundle;
  adapters.cache.setMaxCacheSize(8e9);
  let size: LabelmapSize = { columns: 0, rows: 0, slices: 0, segments: 0 };
  adapters.metaData.addProvider((type, imageId) => {
    const k = /^bench:(\d+)$/.exec(imageId)?.[1];
    return k === undefined ? undefined : metadataOf(type, Number(k), size);
  }, 1000);
  const metadata: MetadataProvider = { get: (type, imageId) => adapters.metaData.get(type, imageId) };

  return {
    prepare(labels, wanted) {
      size = wanted;
      const { columns, rows, slices, segments } = size;
      const area = columns * rows;
      const source = new Int16Array(area);
      const images = Array.from({ length: slices }, (_, k) => ({
        imageId: imageIdOf(k),
        rows,
        columns,
        voxelManager: { getScalarData: () => source },
      }));
      const numbers = Array.from({ length: segments }, (_, index) => index + 1);
      const labelmaps2D = Array.from({ length: slices }, (_, k) => {
        const pixelData = labels.subarray(k * area, (k + 1) * area);
        return { pixelData, rows, columns, segmentsOnLabelmap: numbers.filter((number) => pixelData.includes(number)) };
      });
      const code = (value: string, meaning: string): Metadata => ({
        CodeValue: value,
        CodingSchemeDesignator: "SCT",
        CodeMeaning: meaning,
      });
      const described = numbers.map((number) => ({
        SegmentNumber: String(number),
        SegmentLabel: `Segment ${number}`,
        SegmentAlgorithmType: "MANUAL",
        SegmentAlgorithmName: "none",
        SegmentedPropertyCategoryCodeSequence: code("123037004", "Anatomical Structure"),
        SegmentedPropertyTypeCodeSequence: code("10200004", "Liver"),
        RecommendedDisplayCIELabValue: [33000, 33000, 33000],
      }));
      const labelmap = { segmentsOnLabelmap: numbers, labelmaps2D, metadata: [undefined, ...described] };
      return () => {
        const { dataset } = adapters.generateSegmentation(images, labelmap, metadata, {});
        return new Uint8Array(adapters.data.datasetToDict(dataset).write());
      };
    },

    async decode(file, wanted) {
      size = wanted;
      const imageIds = Array.from({ length: size.slices }, (_, k) => imageIdOf(k));
      adapters.cache.purgeCache();
      const { labelMapImages } = await adapters.createFromDICOMSegBuffer(imageIds, file.buffer, {
        metadataProvider: metadata,
      });
      return (labelMapImages[0] ?? []).map((image) => image.voxelManager.getScalarData());
    },
  };
}
