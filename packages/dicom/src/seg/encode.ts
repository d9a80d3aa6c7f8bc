import { type Attributes, textOf } from "../dataset/attributes.ts";
import { DEFLATED_EXPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, RLE_LOSSLESS } from "../dataset/transfer-syntax.ts";
import { IMPLEMENTATION_VERSION_NAME, writePart10 } from "../part10.ts";
import type { SourceInstance } from "../series/source-instance.ts";
import { newUid } from "../uid.ts";
import {
  ARTIFICIAL_INTELLIGENCE,
  BACKGROUND,
  codeItem,
  LABEL_MAP_SEGMENTATION_STORAGE,
  SEGMENTATION_STORAGE,
  SOURCE_FOR_PROCESSING,
} from "./codes.ts";
import { labFromRgb } from "./color.ts";
import { patientAndStudyOf } from "./copied-modules.ts";
import { MAXIMUM_FRACTIONAL_VALUE, nativePixels, type PlannedFrame, planFrames } from "./frames.ts";
import { functionalGroupsOf } from "./functional-groups.ts";
import { checkRequest, hasPatientGeometry } from "./request.ts";
import { encodeRleFrame } from "./rle.ts";
import type { EncodedSeg, SegKind, SegRequest, SegSegment } from "./types.ts";

/** Manufacturer (0008,0070) of what is written here. */
const MANUFACTURER = "SAM Refine";
const MODEL_NAME = "SAM Refine (research use only)";

function segmentItem(segment: SegSegment): Attributes {
  const { algorithm } = segment;
  const isManual = segment.algorithmType === "MANUAL";
  return {
    SegmentNumber: segment.number,
    SegmentLabel: segment.label,
    SegmentDescription: segment.description,
    SegmentAlgorithmType: segment.algorithmType,
    SegmentAlgorithmName: isManual ? undefined : algorithm?.name.slice(0, 64),
    SegmentationAlgorithmIdentificationSequence:
      isManual || algorithm === undefined
        ? undefined
        : [
            {
              AlgorithmFamilyCodeSequence: [codeItem(algorithm.family ?? ARTIFICIAL_INTELLIGENCE)],
              AlgorithmName: algorithm.name.slice(0, 64),
              AlgorithmVersion: algorithm.version.slice(0, 64),
              AlgorithmParameters: algorithm.parameters,
            },
          ],
    SegmentedPropertyCategoryCodeSequence: [codeItem(segment.category)],
    SegmentedPropertyTypeCodeSequence: [
      {
        ...codeItem(segment.type),
        SegmentedPropertyTypeModifierCodeSequence:
          segment.typeModifiers === undefined || segment.typeModifiers.length === 0
            ? undefined
            : segment.typeModifiers.map(codeItem),
      },
    ],
    AnatomicRegionSequence: segment.anatomicRegion === undefined ? undefined : [codeItem(segment.anatomicRegion)],
    RecommendedDisplayCIELabValue: labFromRgb(segment.colorRgb),
    TrackingID: segment.trackingId ?? segment.label,
    TrackingUID: segment.trackingUid ?? newUid(),
  };
}

/** PS3.3 C.8.20.2.3.3 with the rule that readers hide the segment that Pixel Padding Value names. */
function backgroundItem(): Attributes {
  return {
    SegmentNumber: 0,
    SegmentLabel: "Background",
    SegmentAlgorithmType: "MANUAL",
    SegmentedPropertyCategoryCodeSequence: [codeItem(BACKGROUND)],
    SegmentedPropertyTypeCodeSequence: [codeItem(BACKGROUND)],
  };
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** DA and TM of a moment, in the local time of the machine, as the copied study dates are. */
function dateAndTime(moment: Date): { readonly date: string; readonly time: string } {
  const date = `${String(moment.getFullYear()).padStart(4, "0")}${two(moment.getMonth() + 1)}${two(moment.getDate())}`;
  const clock = `${two(moment.getHours())}${two(moment.getMinutes())}${two(moment.getSeconds())}`;
  return { date, time: `${clock}.${String(moment.getMilliseconds()).padStart(3, "0")}000` };
}

/** A name of one component alone is the form that PS3.5 6.2 retired; the separator makes it a family name. */
function personName(name: string | undefined): string {
  const trimmed = name?.trim() ?? "";
  return trimmed === "" || trimmed.includes("^") ? trimmed : `${trimmed}^`;
}

/** Series and instances that frames use, and no others (PS3.3 C.12.2). */
function referencedSeries(used: readonly SourceInstance[]): readonly Attributes[] {
  const bySeries = new Map<string, SourceInstance[]>();
  for (const source of used) {
    const instances = bySeries.get(source.seriesInstanceUid);
    if (instances === undefined) bySeries.set(source.seriesInstanceUid, [source]);
    else instances.push(source);
  }
  return [...bySeries].map(([seriesInstanceUid, instances]) => ({
    SeriesInstanceUID: seriesInstanceUid,
    // Frames of one file name it once.
    ReferencedInstanceSequence: [...new Map(instances.map((source) => [source.sopInstanceUid, source])).values()].map(
      (source) => ({
        ReferencedSOPClassUID: source.sopClassUid,
        ReferencedSOPInstanceUID: source.sopInstanceUid,
      }),
    ),
  }));
}

/** What lossy compression did to a source is part of the history of what was drawn on it (PS3.3 C.7.6.1.1.5). */
function lossyHistory(used: readonly SourceInstance[]): Attributes {
  const lossy = used.find((source) => textOf(source.attributes, "LossyImageCompression") === "01");
  if (lossy === undefined) return { LossyImageCompression: "00" };
  return {
    LossyImageCompression: "01",
    LossyImageCompressionRatio: lossy.attributes.LossyImageCompressionRatio,
    LossyImageCompressionMethod: lossy.attributes.LossyImageCompressionMethod,
  };
}

function pixelDescription(kind: SegKind, isWide: boolean): Attributes {
  const bits = kind === "BINARY" ? 1 : isWide ? 16 : 8;
  return {
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    BitsAllocated: bits,
    BitsStored: bits,
    HighBit: bits - 1,
    PixelRepresentation: 0,
    PixelPaddingValue: kind === "LABELMAP" ? 0 : undefined,
  };
}

function placement(sources: readonly SourceInstance[], first: SourceInstance): Attributes {
  const { frameOfReferenceUid } = first;
  const frameOfReference =
    frameOfReferenceUid === undefined
      ? {}
      : {
          FrameOfReferenceUID: frameOfReferenceUid,
          PositionReferenceIndicator: textOf(first.attributes, "PositionReferenceIndicator") ?? "",
        };
  if (hasPatientGeometry(sources)) return frameOfReference;
  // Type 2C for images without planes (PS3.3 C.7.6.1); same grid, hence the same directions as the source.
  const direction = first.attributes.PatientOrientation;
  return { ...frameOfReference, PatientOrientation: Array.isArray(direction) ? direction : "" };
}

function pixelData(
  frames: readonly PlannedFrame[],
  request: SegRequest,
  kind: SegKind,
  first: SourceInstance,
): unknown {
  if (request.transferSyntax === "rle") {
    const fragments = frames.map(({ pixels }) => encodeRleFrame(pixels, first.columns));
    const offsets: number[] = [];
    let offset = 0;
    for (const fragment of fragments) {
      offsets.push(offset);
      offset += 8 + fragment.byteLength + (fragment.byteLength % 2);
    }
    return { kind: "encapsulated", offsets, fragments };
  }
  return { kind: "chunks", chunks: nativePixels(frames, kind, first.rows * first.columns) };
}

const TRANSFER_SYNTAX_UIDS = {
  explicit: EXPLICIT_LITTLE_ENDIAN,
  deflated: DEFLATED_EXPLICIT_LITTLE_ENDIAN,
  rle: RLE_LOSSLESS,
} as const;

/**
 * Encodes a DICOM Segmentation (PS3.3 A.51) or Label Map Segmentation (A.51 with SOP class ...66.7). Time and memory are
 * linear in the pixels; one instance's masks are asked for at a time, and the peak is about twice the output.
 * docs/dicom-conformance.md explains the choices, attribute by attribute.
 * @throws RefineError `seg-encoding` when the request cannot become a valid object, naming the instance or segment;
 * `unsupported-dicom` when an attribute copied from the source cannot be written.
 */
export function encodeSeg(request: SegRequest): EncodedSeg {
  const kind = request.kind ?? "BINARY";
  checkRequest(request, kind);
  const { frames, overlap } = planFrames(request, kind);
  const first = request.sources[0]!; // checkRequest saw to it
  const used = [...new Set(frames.map((frame) => frame.instanceIndex))]
    .sort((a, b) => a - b)
    .flatMap((index) => request.sources[index] ?? []);
  const groups = functionalGroupsOf(frames, request.sources, kind);
  const sopInstanceUid = request.sopInstanceUid ?? newUid();
  const seriesInstanceUid = request.seriesInstanceUid ?? newUid();
  const dimensionOrganizationUid = newUid();
  const { date, time } = dateAndTime(request.created);
  const { predecessor } = request;
  const segments = request.segments.map(segmentItem);

  const dataset: Attributes = {
    ...patientAndStudyOf(first.attributes),
    // SOP Common, Segmentation Series, Enhanced General Equipment
    SOPClassUID: kind === "LABELMAP" ? LABEL_MAP_SEGMENTATION_STORAGE : SEGMENTATION_STORAGE,
    SOPInstanceUID: sopInstanceUid,
    InstanceCreationDate: date,
    InstanceCreationTime: time,
    Modality: "SEG",
    SeriesInstanceUID: seriesInstanceUid,
    SeriesNumber: request.seriesNumber,
    SeriesDate: date,
    SeriesTime: time,
    SeriesDescription: request.seriesDescription,
    Manufacturer: MANUFACTURER,
    ManufacturerModelName: MODEL_NAME,
    DeviceSerialNumber: request.device?.serialNumber ?? "not applicable",
    SoftwareVersions: request.device?.softwareVersion ?? IMPLEMENTATION_VERSION_NAME,
    ...placement(request.sources, first),
    // General Image, General Reference
    ImageType: ["DERIVED", "PRIMARY"],
    InstanceNumber: request.instanceNumber ?? 1,
    ContentDate: date,
    ContentTime: time,
    SourceImageSequence:
      predecessor === undefined
        ? undefined
        : [
            {
              ReferencedSOPClassUID: predecessor.sopClassUid,
              ReferencedSOPInstanceUID: predecessor.sopInstanceUid,
              PurposeOfReferenceCodeSequence: [codeItem(SOURCE_FOR_PROCESSING)],
            },
          ],
    ...lossyHistory(used),
    // Image Pixel
    NumberOfFrames: frames.length,
    Rows: first.rows,
    Columns: first.columns,
    ...pixelDescription(kind, frames[0]?.pixels instanceof Uint16Array),
    // Segmentation Image
    SegmentationType: kind,
    SegmentationFractionalType: kind === "FRACTIONAL" ? (request.fractionalType ?? "PROBABILITY") : undefined,
    MaximumFractionalValue: kind === "FRACTIONAL" ? MAXIMUM_FRACTIONAL_VALUE : undefined,
    SegmentsOverlap: overlap,
    ContentLabel: request.contentLabel ?? "SEGMENTATION",
    ContentDescription: request.contentDescription ?? "",
    ContentCreatorName: personName(request.contentCreatorName),
    SegmentSequence: kind === "LABELMAP" ? [backgroundItem(), ...segments] : segments,
    // Multi-frame Dimension, Multi-frame Functional Groups, Common Instance Reference
    DimensionOrganizationSequence: [{ DimensionOrganizationUID: dimensionOrganizationUid }],
    DimensionIndexSequence: groups.dimensions.map(({ pointer, group, label }) => ({
      DimensionOrganizationUID: dimensionOrganizationUid,
      DimensionIndexPointer: pointer,
      FunctionalGroupPointer: group,
      DimensionDescriptionLabel: label,
    })),
    SharedFunctionalGroupsSequence: [groups.shared],
    PerFrameFunctionalGroupsSequence: groups.perFrame,
    ReferencedSeriesSequence: referencedSeries(used),
  };
  const bytes = writePart10(
    { ...dataset, PixelData: pixelData(frames, request, kind, first) },
    { transferSyntaxUid: TRANSFER_SYNTAX_UIDS[request.transferSyntax ?? "explicit"] },
  );
  return { bytes, dataset, sopInstanceUid, seriesInstanceUid, frameCount: frames.length };
}
