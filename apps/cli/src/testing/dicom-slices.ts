import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writePart10 } from "@samrefine/dicom";

export interface SliceOptions {
  readonly index: number;
  readonly pixels: Int16Array;
  readonly columns?: number;
  readonly seriesNumber?: number;
}

/** A CT slice as attributes: 1.5 mm pixels, 4 mm apart, signed 16 bits, no rescaling. Default grid 3 x 2. */
export function ctSlice({ index, pixels, columns = 3, seriesNumber = 1 }: SliceOptions): Record<string, unknown> {
  return {
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
    SOPInstanceUID: `2.25.${seriesNumber}00${index + 1}`,
    StudyInstanceUID: "2.25.11",
    SeriesInstanceUID: `2.25.22${seriesNumber}`,
    FrameOfReferenceUID: "2.25.33",
    PatientID: "test",
    PatientName: "Test^Case",
    StudyID: "1",
    StudyDate: "20240101",
    StudyTime: "120000",
    Modality: "CT",
    SeriesNumber: seriesNumber,
    InstanceNumber: index + 1,
    Rows: pixels.length / columns,
    Columns: columns,
    PixelSpacing: [1.5, 1.5],
    SliceThickness: 4,
    ImagePositionPatient: [0, 0, 4 * index],
    ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    BitsAllocated: 16,
    BitsStored: 16,
    HighBit: 15,
    PixelRepresentation: 1,
    RescaleSlope: 1,
    RescaleIntercept: 0,
    PixelData: pixels,
  };
}

/** The same three slices of {@link writeDiskStudy} as frames of one enhanced CT, the disk in the frame that comes first. */
export async function writeDiskFrames(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const order = [1, 2, 0];
  const pixels = Int16Array.from(order.flatMap((index) => [...diskPixels(index)]));
  const {
    PixelSpacing,
    SliceThickness,
    ImagePositionPatient: _,
    ImageOrientationPatient,
    ...slice
  } = ctSlice({
    index: 0,
    pixels,
    columns: 60,
    seriesNumber: 3,
  });
  const enhanced = {
    ...slice,
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
    Rows: 48,
    NumberOfFrames: order.length,
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [{ PixelSpacing, SliceThickness }],
        PlaneOrientationSequence: [{ ImageOrientationPatient }],
      },
    ],
    PerFrameFunctionalGroupsSequence: order.map((index) => ({
      PlanePositionSequence: [{ ImagePositionPatient: [0, 0, 4 * index] }],
    })),
  };
  await writeFile(join(folder, "enhanced.dcm"), writePart10(enhanced));
}

/** Three slices of 60 x 48 pixels with a bright disk of radius 12 around (30, 24) in the middle one. */
export async function writeDiskStudy(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const index of [2, 0, 1]) {
    const slice = ctSlice({ index, pixels: diskPixels(index), columns: 60 });
    await writeFile(join(folder, `${9 - index}.dcm`), writePart10(slice));
  }
}

function diskPixels(index: number): Int16Array {
  return Int16Array.from({ length: 60 * 48 }, (_, n) =>
    index === 1 && Math.hypot((n % 60) - 30, Math.floor(n / 60) - 24) < 12 ? 220 : 30,
  );
}
