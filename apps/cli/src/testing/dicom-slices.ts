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

/** Three slices of 60 x 48 pixels with a bright disk of radius 12 around (30, 24) in the middle one. */
export async function writeDiskStudy(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const index of [2, 0, 1]) {
    const pixels = Int16Array.from({ length: 60 * 48 }, (_, n) =>
      index === 1 && Math.hypot((n % 60) - 30, Math.floor(n / 60) - 24) < 12 ? 220 : 30,
    );
    await writeFile(join(folder, `${9 - index}.dcm`), writePart10(ctSlice({ index, pixels, columns: 60 })));
  }
}
