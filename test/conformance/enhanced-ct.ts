import { readPart10, uidFromSeed, writePart10 } from "@samrefine/dicom";

/** The slices of a series as frames of one Enhanced CT Image (PS3.3 A.38), as far as a source for a SEG needs it. */
export function enhancedCt(slices: readonly Uint8Array[]): Uint8Array {
  const datasets = slices.map((slice) => readPart10(slice).dataset);
  const { PixelSpacing, SliceThickness, ImageOrientationPatient, ...first } = datasets[0] ?? {};
  const { ImagePositionPatient: _, RescaleSlope, RescaleIntercept, RescaleType, SliceLocation: __, ...common } = first;
  const size = Number(common.Rows) * Number(common.Columns) * 2;
  const pixels = new Uint8Array(size * datasets.length);
  for (const [index, { PixelData }] of datasets.entries()) pixels.set(PixelData as Uint8Array, index * size);
  return writePart10({
    ...common,
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
    SOPInstanceUID: uidFromSeed("enhanced CT"),
    NumberOfFrames: datasets.length,
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [{ PixelSpacing, SliceThickness }],
        PlaneOrientationSequence: [{ ImageOrientationPatient }],
        PixelValueTransformationSequence: [{ RescaleSlope, RescaleIntercept, RescaleType }],
      },
    ],
    PerFrameFunctionalGroupsSequence: datasets.map(({ ImagePositionPatient }) => ({
      PlanePositionSequence: [{ ImagePositionPatient }],
    })),
    PixelData: pixels,
  });
}
