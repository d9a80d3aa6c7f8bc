import { uidFromSeed } from "@samrefine/dicom";

/** What is the same in every instance of a study. */
export interface StudyIdentity {
  /** E.g. "Hand" or "Abdomen". */
  readonly subject: string;
  readonly seed: number;
  readonly studyDescription: string;
  readonly modality: "DX" | "CT";
}

const STUDY_DATE = "20250103";

/** Patient, General Study, General Series (part) and General Equipment modules; deterministic from the seed. */
export function studyModules(identity: StudyIdentity): Readonly<Record<string, unknown>> {
  const { seed, subject } = identity;
  const number = String(Math.abs(Math.trunc(seed)) % 1_000_000).padStart(2, "0");
  const isFemale = Math.abs(Math.trunc(seed)) % 2 === 1;
  return {
    SpecificCharacterSet: "ISO_IR 192",
    PatientName: `Phantom^${subject}^${number}`,
    PatientID: `PHANTOM-${subject.toUpperCase()}-${number}`,
    PatientBirthDate: "19700101",
    PatientSex: isFemale ? "F" : "M",
    PatientComments: "Artificial study, drawn by a program. Research use only.",
    StudyInstanceUID: uidFromSeed(seed, subject, "study"),
    StudyDate: STUDY_DATE,
    StudyTime: "090000",
    StudyID: number.slice(-16),
    AccessionNumber: `PH${number}`.slice(0, 16),
    ReferringPhysicianName: "",
    StudyDescription: identity.studyDescription,
    Modality: identity.modality,
    SeriesDate: STUDY_DATE,
    SeriesTime: "090000",
    AcquisitionDate: STUDY_DATE,
    ContentDate: STUDY_DATE,
    Manufacturer: "SAM Refine Phantoms",
    InstitutionName: "SAM Refine",
    StationName: "PHANTOM",
    ManufacturerModelName: `${subject} phantom`,
    DeviceSerialNumber: "1",
    SoftwareVersions: "0.1.0",
  };
}

/** "0900SS": the time of the nth exposure, one each minute. */
export function timeOfDay(minute: number): string {
  return `09${String(minute % 60).padStart(2, "0")}00`;
}

export function code(value: string, scheme: string, meaning: string): Readonly<Record<string, string>> {
  return { CodeValue: value, CodingSchemeDesignator: scheme, CodeMeaning: meaning };
}
