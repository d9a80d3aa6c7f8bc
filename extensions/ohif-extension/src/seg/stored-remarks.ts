import type { DecodedSegment, SegmentAlgorithm } from "@samrefine/dicom";
import type { SegmentInfo } from "../labelmap/segmentation-record.ts";

/** Said where a SEG does not name the algorithm that it states, or its version: the attribute must not be empty. */
const NOT_STATED = "not stated";

/** What a stored SEG says of a segment, so that storing it again says the same unless a person changed it. */
export function remarksOf(stored: DecodedSegment): Partial<SegmentInfo> {
  const { category, type, description, anatomicRegion, typeModifiers, trackingId, trackingUid } = stored;
  const algorithm = algorithmOf(stored);
  return {
    ...(category ? { category } : {}),
    // Its own sides, or that it states none: then the label adds none either.
    ...(type ? { type, typeModifiers } : {}),
    ...(description === undefined ? {} : { description }),
    ...(anatomicRegion ? { anatomicRegion } : {}),
    ...(trackingId !== undefined && trackingUid !== undefined ? { trackingId, trackingUid } : {}),
    ...(algorithm ? { algorithm } : {}),
  };
}

function algorithmOf(stored: DecodedSegment): SegmentAlgorithm | undefined {
  const { algorithmType, algorithmName, algorithmVersion, algorithmFamily, algorithmParameters } = stored;
  if (algorithmType === "MANUAL" || algorithmType === undefined) return undefined;
  return {
    name: algorithmName ?? NOT_STATED,
    version: algorithmVersion ?? NOT_STATED,
    ...(algorithmFamily ? { family: algorithmFamily } : {}),
    ...(algorithmParameters === undefined ? {} : { parameters: algorithmParameters }),
  };
}

/** A segment after a person edited it. Another type is another thing: side and place of the former one say nothing of it. */
export function withEdit(
  segment: SegmentInfo,
  edit: Pick<SegmentInfo, "label" | "colorRgb" | "category" | "type">,
): SegmentInfo {
  if (edit.type.value === segment.type.value && edit.type.scheme === segment.type.scheme) {
    return { ...segment, ...edit };
  }
  const { typeModifiers: _, anatomicRegion: __, ...rest } = segment;
  return { ...rest, ...edit };
}
