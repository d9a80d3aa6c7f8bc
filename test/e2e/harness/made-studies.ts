import { uidFromSeed, writePart10 } from "@samrefine/dicom";

/** A study made for one test: valid DICOM that holds a bright disk, easy to click. */
export interface MadeStudy {
  readonly studyUid: string;
  /** One Part 10 file per image. */
  readonly files: readonly Uint8Array[];
  /** Pixel inside the disk, on every image. */
  readonly inside: { readonly x: number; readonly y: number };
}

/** Stands in every made study; must appear neither on the console nor in an address. */
export const madePatientName = "Confidential^Patient";

const axial = [1, 0, 0, 0, 1, 0] as const;
const coronal = [1, 0, 0, 0, 0, -1] as const;
const sagittal = [0, 1, 0, 0, 0, -1] as const;

const side = 128;
const centre = side / 2;
const radius = 30;

const ctStorage = "1.2.840.10008.5.1.4.1.1.2";
const mrStorage = "1.2.840.10008.5.1.4.1.1.4";
const ultrasoundStorage = "1.2.840.10008.5.1.4.1.1.6.1";

/** A scout view: one CT image marked LOCALIZER. */
export function localiserStudy(): MadeStudy {
  return study("localiser", [
    ctImage({ ImageType: ["ORIGINAL", "PRIMARY", "LOCALIZER"], ImageOrientationPatient: [...coronal] }),
  ]);
}

/** One series whose images lie in three different planes, as scouts of MR scanners do. */
export function mixedOrientationStudy(): MadeStudy {
  return study(
    "mixed",
    [axial, axial, coronal, sagittal].map((orientation, index) => ({
      ...ctImage({ ImageOrientationPatient: [...orientation], ImagePositionPatient: [0, 0, 4 * index] }),
      SOPClassUID: mrStorage,
      Modality: "MR",
      ImageType: ["ORIGINAL", "PRIMARY", "M"],
      ScanningSequence: "SE",
      SequenceVariant: "NONE",
      ScanOptions: "",
      MRAcquisitionType: "2D",
      EchoTime: 10,
      EchoTrainLength: 1,
      RepetitionTime: 500,
      RescaleIntercept: undefined,
      RescaleSlope: undefined,
      RescaleType: undefined,
      KVP: undefined,
      AcquisitionNumber: undefined,
    })),
  );
}

/** One CT image with signed, rescaled pixels. */
export function singleFrameStudy(): MadeStudy {
  return study("single", [ctImage({})]);
}

/** One ultrasound image in RGB, without any spacing. */
export function colourUltrasoundStudy(): MadeStudy {
  const pixels = new Uint8Array(side * side * 3);
  forEachPixel((index, isInside, texture) => {
    pixels.set(isInside ? [200 + texture, 120 + texture, 90] : [20 + texture, 20 + texture, 40], 3 * index);
  });
  return study("ultrasound", [
    {
      SOPClassUID: ultrasoundStorage,
      Modality: "US",
      ImageType: ["ORIGINAL", "PRIMARY"],
      SamplesPerPixel: 3,
      PlanarConfiguration: 0,
      PhotometricInterpretation: "RGB",
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelRepresentation: 0,
      LossyImageCompression: "00",
      PixelData: pixels,
    },
  ]);
}

function ctImage(attributes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const pixels = new Int16Array(side * side);
  forEachPixel((index, isInside, texture) => {
    pixels[index] = (isInside ? 150 : -100) + texture - 24;
  });
  return {
    SOPClassUID: ctStorage,
    Modality: "CT",
    ImageType: ["ORIGINAL", "PRIMARY", "AXIAL"],
    FrameOfReferenceUID: uidFromSeed("e2e", "frame of reference"),
    PositionReferenceIndicator: "",
    PatientPosition: "HFS",
    ImagePositionPatient: [0, 0, 0],
    ImageOrientationPatient: [...axial],
    PixelSpacing: [1.5, 1.5],
    SliceThickness: 4,
    KVP: 120,
    AcquisitionNumber: 1,
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    BitsAllocated: 16,
    BitsStored: 16,
    HighBit: 15,
    PixelRepresentation: 1,
    // Stored value - 24 + 24: the disk lies near 150 HU only for those who rescale.
    RescaleIntercept: 24,
    RescaleSlope: 1,
    RescaleType: "HU",
    WindowCenter: 40,
    WindowWidth: 400,
    PixelData: new Uint8Array(pixels.buffer),
    ...attributes,
  };
}

/** A disk on a ground, both with the same texture in every run. @param visit texture is 0..15 */
function forEachPixel(visit: (index: number, isInside: boolean, texture: number) => void): void {
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const isInside = (x - centre) ** 2 + (y - centre) ** 2 <= radius ** 2;
      visit(y * side + x, isInside, (Math.imul(x + 1, 73) ^ Math.imul(y + 1, 151)) & 15);
    }
  }
}

function study(name: string, images: readonly Readonly<Record<string, unknown>>[]): MadeStudy {
  const studyUid = uidFromSeed("e2e", name);
  const files = images.map((image, index) =>
    writePart10({
      Rows: side,
      Columns: side,
      ...Object.fromEntries(Object.entries(image).filter(([, value]) => value !== undefined)),
      SOPInstanceUID: uidFromSeed("e2e", name, "image", index),
      StudyInstanceUID: studyUid,
      SeriesInstanceUID: uidFromSeed("e2e", name, "series"),
      PatientName: madePatientName,
      PatientID: `e2e-${name}`,
      PatientBirthDate: "",
      PatientSex: "O",
      StudyID: "1",
      StudyDate: "20200101",
      StudyTime: "120000",
      StudyDescription: `Made for a test: ${name}`,
      SeriesDescription: name,
      AccessionNumber: "",
      ReferringPhysicianName: "",
      Manufacturer: "SAM Refine tests",
      SeriesNumber: 1,
      InstanceNumber: index + 1,
      PatientOrientation: "",
      Laterality: "",
    }),
  );
  return { studyUid, files, inside: { x: centre, y: centre } };
}
