import { entryOfKeyword } from "@samrefine/dicom/encoding";

/** Level of a DICOMweb query. */
export type QueryLevel = "study" | "series" | "instance";

function tagsOf(keywords: readonly string[]): readonly string[] {
  return keywords.map((keyword) => {
    const entry = entryOfKeyword(keyword);
    if (entry === undefined) throw new TypeError(`${keyword} is not in the DICOM dictionary`);
    return entry.tag;
  });
}

/** What a query returns without being asked (PS3.18 tables 10.6.3-3 to 10.6.3-5), plus what work lists show. */
const defaultKeywords: Readonly<Record<QueryLevel, readonly string[]>> = {
  study: [
    "SpecificCharacterSet",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "TimezoneOffsetFromUTC",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyID",
    "StudyDescription",
  ],
  series: [
    "Modality",
    "TimezoneOffsetFromUTC",
    "SeriesDescription",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDate",
    "SeriesTime",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "BodyPartExamined",
  ],
  instance: [
    "SOPClassUID",
    "SOPInstanceUID",
    "InstanceNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "NumberOfFrames",
    "AvailableTransferSyntaxUID",
  ],
};

export const defaultTags: Readonly<Record<QueryLevel, readonly string[]>> = {
  study: tagsOf(defaultKeywords.study),
  series: tagsOf(defaultKeywords.series),
  instance: tagsOf(defaultKeywords.instance),
};

/** Attributes that the server works out from its index. */
export const derivedTags = {
  modalitiesInStudy: "00080061",
  seriesInStudy: "00201206",
  instancesInStudy: "00201208",
  instancesInSeries: "00201209",
  retrieveUrl: "00081190",
} as const;

/** Everything that the index keeps in memory, and so everything that a query can match. */
export const indexedTags: ReadonlySet<string> = new Set([
  ...defaultTags.study,
  ...defaultTags.series,
  ...defaultTags.instance,
  ...tagsOf(["InstanceNumber", "Manufacturer", "InstitutionName", "AcquisitionNumber", "ContentLabel"]),
]);
