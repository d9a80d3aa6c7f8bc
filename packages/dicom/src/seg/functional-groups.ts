import type { Attributes } from "../dataset/attributes.ts";
import { dot, normalOf, sameNumbers, subtract } from "../series/plane.ts";
import type { SourceInstance } from "../series/source-instance.ts";
import { codeItem, DERIVED_BY_SEGMENTATION, SOURCE_FOR_PROCESSING } from "./codes.ts";
import type { PlannedFrame } from "./frames.ts";
import { hasPatientGeometry } from "./request.ts";
import type { SegKind } from "./types.ts";

/** Positions closer than this (mm) are one position of the dimension index. */
const SAME_POSITION_MM = 1e-3;
/** Largest deviation of a gap from the mean that still counts as regular, as a part of the mean. */
const REGULAR = 0.01;

export interface FunctionalGroups {
  readonly shared: Attributes;
  readonly perFrame: readonly Attributes[];
  /** Dimension index pointers with their functional groups, in order of the index values. */
  readonly dimensions: readonly { readonly pointer: string; readonly group: string; readonly label: string }[];
}

const SEGMENT_DIMENSION = { pointer: "0062000B", group: "0062000A", label: "Segment Number" };
const POSITION_DIMENSION = { pointer: "00200032", group: "00209113", label: "Image Position Patient" };
const STACK_DIMENSION = { pointer: "00209056", group: "00209111", label: "Stack ID" };
const IN_STACK_DIMENSION = { pointer: "00209057", group: "00209111", label: "In-Stack Position Number" };

/** Distances of the instances along the normal of the first one, mm. */
function distancesOf(sources: readonly SourceInstance[]): readonly number[] {
  const [first] = sources;
  if (first?.position === undefined || first.orientation === undefined) return [];
  const normal = normalOf(first.orientation);
  const origin = first.position;
  return sources.map((source) => (source.position === undefined ? 0 : dot(subtract(source.position, origin), normal)));
}

/** 1-based rank of every instance's position, equal where positions are. */
function positionRanks(sources: readonly SourceInstance[]): readonly number[] {
  const distances = distancesOf(sources);
  const order = sources.map((_, index) => index).sort((a, b) => (distances[a] ?? 0) - (distances[b] ?? 0));
  const ranks = new Array<number>(sources.length).fill(1);
  let rank = 0;
  let previous = Number.NEGATIVE_INFINITY;
  for (const index of order) {
    const distance = distances[index] ?? 0;
    if (distance - previous > SAME_POSITION_MM) rank++;
    previous = distance;
    ranks[index] = rank;
  }
  return ranks;
}

/** The one gap between neighbouring positions, mm; undefined when they differ, or for less than two. */
function regularSpacing(sources: readonly SourceInstance[]): number | undefined {
  const sorted = [...distancesOf(sources)].sort((a, b) => a - b);
  const gaps = sorted.slice(1).map((distance, index) => distance - (sorted[index] ?? 0));
  if (gaps.length === 0) return undefined;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  return mean > 0 && gaps.every((gap) => Math.abs(gap - mean) <= REGULAR * mean) ? mean : undefined;
}

function pixelMeasures(source: SourceInstance, gapMm: number | undefined): Attributes | undefined {
  if (source.spacingMm === undefined) return undefined;
  const { x, y } = source.spacingMm;
  return {
    SliceThickness: source.sliceThicknessMm ?? gapMm,
    SpacingBetweenSlices: gapMm,
    PixelSpacing: [y, x],
  };
}

function derivation(source: SourceInstance): Attributes {
  return {
    DerivationCodeSequence: [codeItem(DERIVED_BY_SEGMENTATION)],
    SourceImageSequence: [
      {
        ReferencedSOPClassUID: source.sopClassUid,
        ReferencedSOPInstanceUID: source.sopInstanceUid,
        ReferencedFrameNumber: source.frameNumber,
        PurposeOfReferenceCodeSequence: [codeItem(SOURCE_FOR_PROCESSING)],
        SpatialLocationsPreserved: "YES",
      },
    ],
  };
}

/** Functional groups that say the same for every instance go into the shared item, as PS3.3 C.7.6.16 asks. */
function isShared<T>(values: readonly T[], isSame: (a: T, b: T) => boolean): boolean {
  const [first] = values;
  return first !== undefined && values.every((value) => isSame(first, value));
}

/**
 * Functional group macros of PS3.3 A.51.5. Planes come from every source instance itself, so that tilted, oblique and
 * irregular series are placed exactly; projection images have no planes and are tied to their source alone.
 * @param sources all instances, in the order that the frames count them.
 */
export function functionalGroupsOf(
  frames: readonly PlannedFrame[],
  sources: readonly SourceInstance[],
  kind: SegKind,
): FunctionalGroups {
  const isPlaced = hasPatientGeometry(sources);
  const used = [...new Set(frames.map((frame) => frame.instanceIndex))].sort((a, b) => a - b);
  const usedSources = used.flatMap((index) => sources[index] ?? []);
  const gapMm = isPlaced ? regularSpacing(sources) : undefined;
  const hasSharedPlane = isShared(usedSources, (a, b) => {
    if (a.orientation === undefined || b.orientation === undefined) return true;
    return sameNumbers(a.orientation, b.orientation);
  });
  const hasSharedMeasures = isShared(
    usedSources,
    (a, b) =>
      a.spacingMm?.x === b.spacingMm?.x &&
      a.spacingMm?.y === b.spacingMm?.y &&
      a.sliceThicknessMm === b.sliceThicknessMm,
  );
  const planeGroups = (source: SourceInstance, wanted: boolean): Attributes => ({
    PixelMeasuresSequence: wanted === hasSharedMeasures && isPlaced ? [pixelMeasures(source, gapMm)] : undefined,
    PlaneOrientationSequence:
      wanted === hasSharedPlane && isPlaced ? [{ ImageOrientationPatient: source.orientation }] : undefined,
  });

  const ranks = isPlaced ? positionRanks(sources) : sources.map((_, index) => index + 1);
  // Without planes the order of the images is a dimension of its own where there is more than one, or no segment number.
  const isStacked = !isPlaced && (usedSources.length > 1 || kind === "LABELMAP");
  const dimensions = [
    ...(kind === "LABELMAP" ? [] : [SEGMENT_DIMENSION]),
    ...(isPlaced ? [POSITION_DIMENSION] : []),
    ...(isStacked ? [STACK_DIMENSION, IN_STACK_DIMENSION] : []),
  ];

  // What depends on the instance alone is made once and shared by the frames of all segments.
  const perInstance = new Map<number, Attributes>();
  for (const index of used) {
    const source = sources[index];
    if (source === undefined) continue;
    perInstance.set(index, {
      DerivationImageSequence: [derivation(source)],
      ...(isPlaced ? { PlanePositionSequence: [{ ImagePositionPatient: source.position }] } : {}),
      ...planeGroups(source, false),
    });
  }
  const identification = new Map(
    [...new Set(frames.map((frame) => frame.segmentNumber))].map((number) => [
      number,
      number === undefined ? undefined : [{ ReferencedSegmentNumber: number }],
    ]),
  );

  const perFrame = frames.map(({ segmentNumber, instanceIndex }) => {
    const rank = ranks[instanceIndex] ?? 1;
    const indexValues = [
      ...(segmentNumber === undefined ? [] : [segmentNumber]),
      ...(isPlaced ? [rank] : []),
      ...(isStacked ? [1, rank] : []),
    ];
    return {
      ...perInstance.get(instanceIndex),
      FrameContentSequence: [
        {
          DimensionIndexValues: indexValues,
          ...(isStacked ? { StackID: "1", InStackPositionNumber: rank } : {}),
        },
      ],
      SegmentIdentificationSequence: identification.get(segmentNumber),
    };
  });
  const [firstUsed] = usedSources;
  return { shared: firstUsed === undefined ? {} : planeGroups(firstUsed, true), perFrame, dimensions };
}
