import type { CodedConcept } from "@samrefine/core";

/** A SNOMED CT concept. */
export function snomed(value: string, meaning: string): CodedConcept {
  return { value, scheme: "SCT", meaning };
}

/** The segmentation category of everything here (PS3.16 CID 7150). */
export const ANATOMICAL_STRUCTURE: CodedConcept = snomed("91723000", "Anatomical Structure");
