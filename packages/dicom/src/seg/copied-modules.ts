import { type Attributes, personNameText, textOf } from "../dataset/attributes.ts";
import { entryOfKeyword } from "../dataset/dictionary.ts";

// Attributes that a derived object shares with its sources because it belongs to the same patient and study.
// Modules of the Segmentation IOD (PS3.3 table A.51-1): Patient C.7.1.1, Clinical Trial Subject C.7.1.3,
// General Study C.7.2.1, Patient Study C.7.2.2, Clinical Trial Study C.7.2.3.
const PATIENT_AND_STUDY: readonly string[] = [
  "PatientName",
  "PatientID",
  "IssuerOfPatientID",
  "IssuerOfPatientIDQualifiersSequence",
  "TypeOfPatientID",
  "PatientBirthDate",
  "PatientBirthDateInAlternativeCalendar",
  "PatientAlternativeCalendar",
  "PatientBirthTime",
  "PatientSex",
  "OtherPatientIDsSequence",
  "OtherPatientNames",
  "QualityControlSubject",
  "EthnicGroup",
  "PatientComments",
  "PatientSpeciesDescription",
  "PatientSpeciesCodeSequence",
  "PatientBreedDescription",
  "PatientBreedCodeSequence",
  "BreedRegistrationSequence",
  "StrainDescription",
  "ResponsiblePerson",
  "ResponsiblePersonRole",
  "ResponsibleOrganization",
  "PatientIdentityRemoved",
  "DeidentificationMethod",
  "DeidentificationMethodCodeSequence",
  "ReferencedPatientSequence",
  "ClinicalTrialSponsorName",
  "ClinicalTrialProtocolID",
  "IssuerOfClinicalTrialProtocolID",
  "ClinicalTrialProtocolName",
  "ClinicalTrialSiteID",
  "ClinicalTrialSiteName",
  "ClinicalTrialSubjectID",
  "ClinicalTrialSubjectReadingID",
  "ClinicalTrialProtocolEthicsCommitteeName",
  "ClinicalTrialProtocolEthicsCommitteeApprovalNumber",
  "ClinicalTrialTimePointID",
  "ClinicalTrialTimePointDescription",
  "LongitudinalTemporalOffsetFromEvent",
  "LongitudinalTemporalEventType",
  "StudyInstanceUID",
  "StudyDate",
  "StudyTime",
  "ReferringPhysicianName",
  "ReferringPhysicianIdentificationSequence",
  "ConsultingPhysicianName",
  "ConsultingPhysicianIdentificationSequence",
  "StudyID",
  "AccessionNumber",
  "IssuerOfAccessionNumberSequence",
  "StudyDescription",
  "PhysiciansOfRecord",
  "PhysiciansOfRecordIdentificationSequence",
  "NameOfPhysiciansReadingStudy",
  "PhysiciansReadingStudyIdentificationSequence",
  "RequestingServiceCodeSequence",
  "ReferencedStudySequence",
  "ProcedureCodeSequence",
  "ReasonForPerformedProcedureCodeSequence",
  "AdmittingDiagnosesDescription",
  "AdmittingDiagnosesCodeSequence",
  "PatientAge",
  "PatientSize",
  "PatientWeight",
  "PatientBodyMassIndex",
  "Occupation",
  "AdditionalPatientHistory",
  "PatientSexNeutered",
  "AdmissionID",
  "IssuerOfAdmissionIDSequence",
  "ServiceEpisodeID",
  "ServiceEpisodeDescription",
];

/** Type 2: there even where the source has no value. */
const ALWAYS_PRESENT: readonly string[] = [
  "PatientName",
  "PatientID",
  "PatientBirthDate",
  "PatientSex",
  "StudyDate",
  "StudyTime",
  "ReferringPhysicianName",
  "StudyID",
  "AccessionNumber",
];

/**
 * A value that can be written, or undefined: metadata providers add bookkeeping of their own (`_vrMap`, bulk data
 * addresses), and a patient's copied weight must never be the reason that a segmentation cannot be stored.
 */
function copyValue(keyword: string, value: unknown): unknown {
  const vr = entryOfKeyword(keyword)?.vr;
  if (vr === undefined) return undefined;
  if (vr === "SQ") return (Array.isArray(value) ? Array.from(value) : [value]).filter(isItem).map(copyItem);
  const values = (Array.isArray(value) ? Array.from(value) : [value]).flatMap((item: unknown) => {
    if (vr === "PN") return personNameText(item) ?? [];
    return typeof item === "string" || typeof item === "number" ? item : [];
  });
  return values.length === 0 ? undefined : values.length === 1 ? values[0] : values;
}

function isItem(value: unknown): value is Attributes {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function copyItem(item: Attributes): Attributes {
  return Object.fromEntries(Object.entries(item).map(([keyword, value]) => [keyword, copyValue(keyword, value)]));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Patient and study attributes of a source instance, ready to be written into an object derived from it. */
export function patientAndStudyOf(source: Attributes): Attributes {
  const copied: Record<string, unknown> = {};
  for (const keyword of PATIENT_AND_STUDY) {
    const value = isEmpty(source[keyword]) ? undefined : copyValue(keyword, source[keyword]);
    if (!isEmpty(value)) copied[keyword] = value;
    else if (ALWAYS_PRESENT.includes(keyword)) copied[keyword] = "";
  }
  // C.7.1.1: a de-identified patient needs one of the two methods; some sources state neither.
  const isDeidentified = textOf(source, "PatientIdentityRemoved") === "YES";
  const hasMethod =
    copied.DeidentificationMethod !== undefined || copied.DeidentificationMethodCodeSequence !== undefined;
  if (isDeidentified && !hasMethod) copied.DeidentificationMethod = "Not stated by the source";
  if (!isEmpty(source.SpecificCharacterSet)) copied.SpecificCharacterSet = source.SpecificCharacterSet;
  return copied;
}
