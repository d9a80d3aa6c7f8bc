import { RefineError, type RefineErrorDetails, type SegmentNumber } from "@samrefine/core";
import {
  type Attributes,
  type EncapsulatedPixels,
  itemsOf,
  numberOf,
  numbersOf,
  requireNumber,
  requireText,
  textOf,
} from "../dataset/attributes.ts";
import { DEFLATED_IMAGE_FRAME, RLE_LOSSLESS, transferSyntaxOf } from "../dataset/transfer-syntax.ts";
import { inflateBounded, type ReadOptions, readPart10 } from "../part10.ts";
import { framesOfFragments } from "../pixels/fragments.ts";
import type { Orientation, Vector3 } from "../series/source-instance.ts";
import { paintFrame, unpackFrame } from "./bit-packing.ts";
import { BACKGROUND, conceptOf, conceptOfItem, LABEL_MAP_SEGMENTATION_STORAGE, SEGMENTATION_STORAGE } from "./codes.ts";
import { rgbFromLab } from "./color.ts";
import { decodeRleFrame } from "./rle.ts";
import type { AlgorithmType, DecodedFrame, DecodedSeg, DecodedSegment, SegKind } from "./types.ts";

function refuse(message: string, details: RefineErrorDetails = {}): RefineError {
  return new RefineError("unsupported-dicom", `The segmentation cannot be read: ${message}`, {
    hint: "Have it written again by its source, or fetch a complete copy.",
    details,
  });
}

function kindOf(dataset: Attributes): SegKind {
  const sopClassUid = requireText(dataset, "SOPClassUID");
  if (sopClassUid !== SEGMENTATION_STORAGE && sopClassUid !== LABEL_MAP_SEGMENTATION_STORAGE) {
    throw refuse(`its SOP class is ${sopClassUid}, not Segmentation or Label Map Segmentation.`, { sopClassUid });
  }
  const type = requireText(dataset, "SegmentationType");
  if (type === "BINARY" || type === "FRACTIONAL" || type === "LABELMAP") return type;
  throw refuse(`its Segmentation Type is ${type}; BINARY, FRACTIONAL and LABELMAP are known.`, { type });
}

function algorithmTypeOf(item: Attributes): AlgorithmType | undefined {
  const type = textOf(item, "SegmentAlgorithmType");
  return type === "MANUAL" || type === "SEMIAUTOMATIC" || type === "AUTOMATIC" ? type : undefined;
}

function segmentOf(item: Attributes): DecodedSegment {
  const number = requireNumber(item, "SegmentNumber");
  const lab = numbersOf(item, "RecommendedDisplayCIELabValue", 3) as Vector3 | undefined;
  const algorithm = itemsOf(item, "SegmentationAlgorithmIdentificationSequence")[0] ?? {};
  const typeItem = itemsOf(item, "SegmentedPropertyTypeCodeSequence")[0];
  return {
    number,
    label: textOf(item, "SegmentLabel") ?? `Segment ${number}`,
    description: textOf(item, "SegmentDescription"),
    colorRgb: lab === undefined ? undefined : rgbFromLab(lab),
    category: conceptOf(item, "SegmentedPropertyCategoryCodeSequence"),
    type: conceptOfItem(typeItem),
    typeModifiers: itemsOf(typeItem ?? {}, "SegmentedPropertyTypeModifierCodeSequence").flatMap(
      (modifier) => conceptOfItem(modifier) ?? [],
    ),
    anatomicRegion: conceptOf(item, "AnatomicRegionSequence"),
    algorithmType: algorithmTypeOf(item),
    algorithmName: textOf(item, "SegmentAlgorithmName") ?? textOf(algorithm, "AlgorithmName"),
    algorithmVersion: textOf(algorithm, "AlgorithmVersion"),
    algorithmFamily: conceptOf(algorithm, "AlgorithmFamilyCodeSequence"),
    algorithmParameters: textOf(algorithm, "AlgorithmParameters"),
    trackingId: textOf(item, "TrackingID"),
    trackingUid: textOf(item, "TrackingUID"),
  };
}

function isBackground({ type }: DecodedSegment): boolean {
  return type?.value === BACKGROUND.value && type.scheme === BACKGROUND.scheme;
}

/**
 * The stored value of a label map that means nothing: the one that Pixel Padding Value names. Writers before that rule name
 * none and mean 0, unless they describe 0 as something.
 */
function backgroundOf(dataset: Attributes, segments: readonly DecodedSegment[]): number | undefined {
  const padding = numberOf(dataset, "PixelPaddingValue");
  if (padding !== undefined) return padding;
  return segments.some((segment) => segment.number === 0 && !isBackground(segment)) ? undefined : 0;
}

function describedSegments(dataset: Attributes): readonly DecodedSegment[] {
  const segments = itemsOf(dataset, "SegmentSequence").map(segmentOf);
  const seen = new Set<number>();
  for (const { number } of segments) {
    if (!Number.isInteger(number) || number < 0 || number > 65535)
      throw refuse(`segment number ${number}.`, { number });
    if (seen.has(number)) throw refuse(`segment ${number} is described twice.`, { number });
    seen.add(number);
  }
  return segments;
}

function framesOf(dataset: Attributes, kind: SegKind, count: number): readonly DecodedFrame[] {
  const shared = itemsOf(dataset, "SharedFunctionalGroupsSequence")[0] ?? {};
  const perFrame = itemsOf(dataset, "PerFrameFunctionalGroupsSequence");
  if (perFrame.length !== count) {
    throw refuse(`it announces ${count} frames and describes ${perFrame.length}.`, {
      count,
      described: perFrame.length,
    });
  }
  return perFrame.map((groups, index) => {
    const macro = (keyword: string): Attributes => itemsOf(groups, keyword)[0] ?? itemsOf(shared, keyword)[0] ?? {};
    const measures = macro("PixelMeasuresSequence");
    const spacing = numbersOf(measures, "PixelSpacing", 2);
    const source = itemsOf(macro("DerivationImageSequence"), "SourceImageSequence")[0] ?? {};
    const segmentNumber = numberOf(macro("SegmentIdentificationSequence"), "ReferencedSegmentNumber");
    if (kind !== "LABELMAP" && segmentNumber === undefined)
      throw refuse(`frame ${index + 1} names no segment.`, { index });
    return {
      index,
      segmentNumber: kind === "LABELMAP" ? undefined : segmentNumber,
      sourceSopInstanceUid: textOf(source, "ReferencedSOPInstanceUID"),
      sourceFrameNumber: numberOf(source, "ReferencedFrameNumber"),
      position: numbersOf(macro("PlanePositionSequence"), "ImagePositionPatient", 3) as Vector3 | undefined,
      orientation: numbersOf(macro("PlaneOrientationSequence"), "ImageOrientationPatient", 6) as
        | Orientation
        | undefined,
      spacingMm: spacing === undefined ? undefined : { x: spacing[1]!, y: spacing[0]! },
      sliceStepMm: numberOf(measures, "SpacingBetweenSlices") ?? numberOf(measures, "SliceThickness"),
    };
  });
}

interface PixelLayout {
  readonly kind: SegKind;
  readonly pixelsPerFrame: number;
  readonly frameCount: number;
  readonly bytesPerPixel: 1 | 2;
}

function layoutOf(dataset: Attributes, kind: SegKind): PixelLayout {
  const bits = requireNumber(dataset, "BitsAllocated");
  const accepted = kind === "BINARY" ? [1] : kind === "FRACTIONAL" ? [8] : [8, 16];
  if (!accepted.includes(bits)) throw refuse(`${bits} bits per pixel in a ${kind} segmentation.`, { bits });
  const positive = (keyword: string): number => {
    const value = keyword === "NumberOfFrames" ? (numberOf(dataset, keyword) ?? 1) : requireNumber(dataset, keyword);
    if (!Number.isInteger(value) || value < 1) throw refuse(`${keyword} is ${value}.`, { keyword, value });
    return value;
  };
  return {
    kind,
    pixelsPerFrame: positive("Rows") * positive("Columns"),
    frameCount: positive("NumberOfFrames"),
    bytesPerPixel: bits === 16 ? 2 : 1,
  };
}

function toPixels(bytes: Uint8Array, layout: PixelLayout): Uint8Array | Uint16Array {
  if (layout.bytesPerPixel === 1) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: layout.pixelsPerFrame }, (_, i) => view.getUint16(i * 2, true));
}

function nativeReader(stream: Uint8Array, layout: PixelLayout): (index: number) => Uint8Array | Uint16Array {
  const { frameCount, pixelsPerFrame, bytesPerPixel } = layout;
  const bits = frameCount * pixelsPerFrame * (layout.kind === "BINARY" ? 1 : bytesPerPixel * 8);
  const expected = Math.ceil(bits / 8);
  if (stream.byteLength < expected) {
    throw refuse(`its pixel data has ${stream.byteLength} bytes, ${frameCount} frames need ${expected}.`, {
      found: stream.byteLength,
      expected,
    });
  }
  if (layout.kind === "BINARY") return (index) => unpackFrame(stream, index, pixelsPerFrame);
  const size = pixelsPerFrame * bytesPerPixel;
  return (index) => toPixels(stream.slice(index * size, (index + 1) * size), layout);
}

function encapsulatedReader(
  pixels: EncapsulatedPixels,
  layout: PixelLayout,
  transferSyntaxUid: string,
  extendedOffsetTable: unknown,
): (index: number) => Uint8Array | Uint16Array {
  const { pixelsPerFrame, bytesPerPixel } = layout;
  const frames = framesOfFragments(pixels, layout.frameCount, extendedOffsetTable);
  const frameAt = (index: number): Uint8Array => frames[index] ?? new Uint8Array(0);
  if (transferSyntaxUid === RLE_LOSSLESS && layout.kind !== "BINARY") {
    return (index) => toPixels(decodeRleFrame(frameAt(index), pixelsPerFrame, bytesPerPixel), layout);
  }
  if (transferSyntaxUid === DEFLATED_IMAGE_FRAME) {
    const size = layout.kind === "BINARY" ? Math.ceil(pixelsPerFrame / 8) : pixelsPerFrame * bytesPerPixel;
    return (index) => {
      // One byte of padding may follow; more than that is not this frame.
      const bytes = inflateBounded(frameAt(index), size + 1);
      if (bytes.byteLength < size)
        throw refuse(`frame ${index + 1} unpacks to ${bytes.byteLength} bytes, not ${size}.`);
      return layout.kind === "BINARY"
        ? unpackFrame(bytes, 0, pixelsPerFrame)
        : toPixels(bytes.subarray(0, size), layout);
    };
  }
  throw refuse(`pixel data in transfer syntax ${transferSyntaxUid} is not decoded here.`, { transferSyntaxUid });
}

/**
 * Reads a DICOM Segmentation of any writer: BINARY, FRACTIONAL or LABELMAP, overlapping segments, frames in any order,
 * native, deflated or RLE. Nothing is unpacked before {@link DecodedSeg.frame} asks for it; the result keeps `bytes`.
 * @throws RefineError `unsupported-dicom` when the object is damaged, contradicts itself or is not a segmentation.
 */
export function decodeSeg(bytes: Uint8Array, options: ReadOptions = {}): DecodedSeg {
  const { dataset, transferSyntaxUid } = readPart10(bytes, options);
  const kind = kindOf(dataset);
  const layout = layoutOf(dataset, kind);
  const described = describedSegments(dataset);
  const backgroundValue = kind === "LABELMAP" ? backgroundOf(dataset, described) : undefined;
  // Coded as background without being named as padding: still no object, whatever its number.
  const segments =
    kind === "LABELMAP"
      ? described.filter((segment) => segment.number !== backgroundValue && !isBackground(segment))
      : described;
  const frames = framesOf(dataset, kind, layout.frameCount);
  const known = new Set(segments.map((segment) => segment.number));
  for (const { segmentNumber, index } of frames) {
    if (segmentNumber !== undefined && !known.has(segmentNumber)) {
      throw refuse(`frame ${index + 1} belongs to segment ${segmentNumber}, which is not described.`, {
        segmentNumber,
      });
    }
  }
  const pixels = dataset.PixelData;
  let read: (index: number) => Uint8Array | Uint16Array;
  if (pixels instanceof Uint8Array) read = nativeReader(pixels, layout);
  else if (transferSyntaxOf(transferSyntaxUid)?.isEncapsulated && typeof pixels === "object" && pixels !== null) {
    read = encapsulatedReader(pixels as EncapsulatedPixels, layout, transferSyntaxUid, dataset.ExtendedOffsetTable);
  } else throw refuse("it has no pixel data.");

  const { PixelData: _, ...header } = dataset;
  const [referencedSeries] = itemsOf(dataset, "ReferencedSeriesSequence");
  const fractionalType = textOf(dataset, "SegmentationFractionalType");
  return {
    kind,
    rows: requireNumber(dataset, "Rows"),
    columns: requireNumber(dataset, "Columns"),
    segments,
    frames,
    sopInstanceUid: requireText(dataset, "SOPInstanceUID"),
    seriesInstanceUid: requireText(dataset, "SeriesInstanceUID"),
    studyInstanceUid: textOf(dataset, "StudyInstanceUID"),
    patientId: textOf(dataset, "PatientID"),
    frameOfReferenceUid: textOf(dataset, "FrameOfReferenceUID"),
    referencedSeriesInstanceUid: textOf(referencedSeries ?? {}, "SeriesInstanceUID"),
    referencedSopInstanceUids: itemsOf(referencedSeries ?? {}, "ReferencedInstanceSequence").flatMap(
      (item) => textOf(item, "ReferencedSOPInstanceUID") ?? [],
    ),
    maximumFractionalValue: kind === "FRACTIONAL" ? (numberOf(dataset, "MaximumFractionalValue") ?? 255) : undefined,
    fractionalType: fractionalType === "PROBABILITY" || fractionalType === "OCCUPANCY" ? fractionalType : undefined,
    backgroundValue,
    dataset: header,
    frame(index) {
      requireFrame(index, layout);
      return read(index);
    },
    paint(index, labels, value) {
      requireFrame(index, layout);
      if (labels.length !== layout.pixelsPerFrame) {
        throw refuse(`${labels.length} labels do not fill its frames of ${layout.pixelsPerFrame} pixels.`);
      }
      if (kind === "BINARY" && pixels instanceof Uint8Array) return paintFrame(pixels, index, labels, value);
      const stored = read(index);
      let count = 0;
      for (let i = 0; i < stored.length; i++) {
        if (stored[i] === 0) continue;
        labels[i] = value;
        count++;
      }
      return count;
    },
  };
}

function requireFrame(index: number, { frameCount }: PixelLayout): void {
  if (Number.isInteger(index) && index >= 0 && index < frameCount) return;
  throw refuse(`frame ${index} of ${frameCount} was asked for.`, { index });
}

/** True where a frame's stored values contain the segment. */
export function holdsSegment(frame: DecodedFrame, segment: SegmentNumber): boolean {
  return frame.segmentNumber === undefined || frame.segmentNumber === segment;
}
