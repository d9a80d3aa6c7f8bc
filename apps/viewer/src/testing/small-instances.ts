import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EncapsulatedPixels, writePart10 } from "@samrefine/dicom";

const secondaryCapture = "1.2.840.10008.5.1.4.1.1.7";

/** What a small file holds; everything else is made up and constant. */
export interface SmallInstance {
  readonly studyUid?: string;
  readonly seriesUid?: string;
  readonly sopUid: string;
  readonly modality?: string;
  readonly patientName?: string;
  readonly studyDate?: string;
  readonly instanceNumber?: number;
  readonly seriesNumber?: number;
  readonly transferSyntaxUid?: string;
  /** 2 rows of 3 columns of `bitsAllocated` bits per frame. */
  readonly frames?: number;
  readonly bitsAllocated?: 1 | 8 | 16;
  readonly pixels?: Uint8Array | EncapsulatedPixels;
  readonly extra?: Readonly<Record<string, unknown>>;
}

export const studyUid = "1.2.3.1";
export const seriesUid = "1.2.3.1.1";

/** A Part 10 file of a few hundred bytes. */
export function smallFile(instance: SmallInstance): Uint8Array<ArrayBuffer> {
  const { bitsAllocated = 8, frames = 1 } = instance;
  return writePart10(
    {
      SOPClassUID: secondaryCapture,
      SOPInstanceUID: instance.sopUid,
      StudyInstanceUID: instance.studyUid ?? studyUid,
      SeriesInstanceUID: instance.seriesUid ?? seriesUid,
      Modality: instance.modality ?? "OT",
      PatientName: instance.patientName ?? "Test^Tess",
      PatientID: "T1",
      StudyDate: instance.studyDate ?? "20240229",
      StudyTime: "101500",
      SeriesNumber: instance.seriesNumber ?? 1,
      InstanceNumber: instance.instanceNumber ?? 1,
      ...(instance.pixels === undefined
        ? {}
        : {
            Rows: 2,
            Columns: 3,
            SamplesPerPixel: 1,
            PhotometricInterpretation: "MONOCHROME2",
            BitsAllocated: bitsAllocated,
            BitsStored: bitsAllocated,
            HighBit: bitsAllocated - 1,
            PixelRepresentation: 0,
            NumberOfFrames: frames,
            PixelData: instance.pixels,
          }),
      ...instance.extra,
    },
    instance.transferSyntaxUid === undefined ? {} : { transferSyntaxUid: instance.transferSyntaxUid },
  );
}

/** A folder that goes when the test ends: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "samrefine-viewer-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Writes files named by their SOP Instance UIDs. */
export async function writeInstances(folder: string, instances: readonly SmallInstance[]): Promise<void> {
  for (const instance of instances) await writeFile(join(folder, `${instance.sopUid}.dcm`), smallFile(instance));
}
