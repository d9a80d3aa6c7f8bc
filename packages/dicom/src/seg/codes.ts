import type { CodedConcept } from "@samrefine/core";
import { type Attributes, itemsOf, textOf } from "../dataset/attributes.ts";

export const SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4";
export const LABEL_MAP_SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7";

/** CID 7203, Image Derivation. */
export const DERIVED_BY_SEGMENTATION: CodedConcept = { value: "113076", scheme: "DCM", meaning: "Segmentation" };
/** CID 7202, Source Image Purposes of Reference. */
export const SOURCE_FOR_PROCESSING: CodedConcept = {
  value: "121322",
  scheme: "DCM",
  meaning: "Source image for image processing operation",
};
/** CID 7162, Surface Processing Algorithm Families. */
export const ARTIFICIAL_INTELLIGENCE: CodedConcept = {
  value: "123110",
  scheme: "DCM",
  meaning: "Artificial Intelligence",
};
/** Segment 0 of a label map (PS3.3 C.8.20.2.3.3). */
export const BACKGROUND: CodedConcept = { value: "125040", scheme: "DCM", meaning: "Background" };

/** An item of a code sequence (PS3.3 8.8); long values go where they must. */
export function codeItem(concept: CodedConcept): Attributes {
  const keyword = concept.value.length <= 16 ? "CodeValue" : "LongCodeValue";
  return { [keyword]: concept.value, CodingSchemeDesignator: concept.scheme, CodeMeaning: concept.meaning };
}

/** The concept of one code item; undefined when it holds no value or scheme. */
export function conceptOfItem(item: Attributes | undefined): CodedConcept | undefined {
  if (item === undefined) return undefined;
  const value = textOf(item, "CodeValue") ?? textOf(item, "LongCodeValue") ?? textOf(item, "URNCodeValue");
  const scheme = textOf(item, "CodingSchemeDesignator") ?? (value?.startsWith("urn:") ? "URN" : undefined);
  if (value === undefined || scheme === undefined) return undefined;
  return { value, scheme, meaning: textOf(item, "CodeMeaning") ?? value };
}

export function conceptOf(attributes: Attributes, sequence: string): CodedConcept | undefined {
  return conceptOfItem(itemsOf(attributes, sequence)[0]);
}
