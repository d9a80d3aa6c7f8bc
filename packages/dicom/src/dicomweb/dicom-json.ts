import { RefineError } from "@samrefine/core";
import { type Attributes, personNameText } from "../dataset/attributes.ts";
import { entryOfTag } from "../dataset/dictionary.ts";

/** Deeper than any IOD nests. */
const MAXIMUM_DEPTH = 48;

function bytesFromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function elementValue(element: Readonly<Record<string, unknown>>, depth: number): unknown {
  const { vr, Value: values, InlineBinary: inline, BulkDataURI: uri } = element;
  if (typeof inline === "string") return bytesFromBase64(inline);
  if (typeof uri === "string") return { bulkDataUri: uri };
  if (!Array.isArray(values) || values.length === 0) return vr === "SQ" ? [] : "";
  if (vr === "SQ") return values.map((item) => attributesFromDicomJson(item, depth + 1));
  const converted = values.map((value: unknown) => {
    if (vr === "PN") return personNameText(value) ?? "";
    if ((vr === "DS" || vr === "IS") && typeof value === "string") {
      const number = Number(value);
      return value.trim() !== "" && Number.isFinite(number) ? number : value;
    }
    return value ?? "";
  });
  return converted.length === 1 ? converted[0] : converted;
}

/**
 * One data set of the DICOM JSON Model (PS3.18 F) by keyword, in the form that {@link Attributes} describes. Bulk data
 * that is given by reference becomes `{ bulkDataUri }`.
 * @throws RefineError `dicomweb` when the value is no data set.
 */
export function attributesFromDicomJson(json: unknown, depth = 0): Attributes {
  if (typeof json !== "object" || json === null || Array.isArray(json) || depth > MAXIMUM_DEPTH) {
    throw new RefineError("dicomweb", "The server's answer is not a data set of the DICOM JSON Model.", {
      hint: "Check that the address is the root of a DICOMweb service.",
    });
  }
  const attributes: Record<string, unknown> = {};
  for (const [tag, element] of Object.entries(json)) {
    if (!/^[0-9A-Fa-f]{8}$/.test(tag) || typeof element !== "object" || element === null) continue;
    const hex = tag.toUpperCase();
    attributes[entryOfTag(hex)?.keyword ?? hex] = elementValue(element as Readonly<Record<string, unknown>>, depth);
  }
  return attributes;
}
