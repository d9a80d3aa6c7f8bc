import { entryOfTag, textDecoderFor } from "@samrefine/dicom/encoding";
import type { DataSet, Element } from "dicom-parser";

/** One element of the DICOM JSON model (PS3.18 Annex F). */
export interface JsonElement {
  readonly vr: string;
  readonly Value?: readonly unknown[];
  readonly InlineBinary?: string;
  readonly BulkDataURI?: string;
}

/** A data set of the DICOM JSON model: keyed by eight upper-case hex digits. */
export type JsonDataSet = Readonly<Record<string, JsonElement>>;

export interface JsonOptions {
  /** Binary values longer than this many bytes are referenced, shorter ones are included. */
  readonly inlineLimitBytes: number;
  /** Address of a binary value. `path` is `TAG` or, inside sequences, `TAG.item.TAG`. */
  readonly bulkDataUri: (path: string) => string;
}

const textual = new Set(["LO", "LT", "PN", "SH", "ST", "UC", "UT"]);
const undivided = new Set(["LT", "ST", "UT", "UR"]);
const binary = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "UN"]);
const numberBytes: Readonly<Record<string, number>> = { US: 2, SS: 2, UL: 4, SL: 4, FL: 4, FD: 8, UV: 8, SV: 8 };

/** `x00100020` as dicom-parser writes it, `00100020` as the JSON model does. */
export function jsonTag(parserTag: string): string {
  return parserTag.slice(1).toUpperCase();
}

/** Converts a parsed data set. Group lengths, file meta information and item delimiters are left out. */
export function toDicomJson(dataSet: DataSet, options: JsonOptions): JsonDataSet {
  const terms = dataSet.string("x00080005")?.split("\\") ?? [];
  return convert(dataSet, dataSet, textDecoderFor(terms), options, "");
}

function convert(
  dataSet: DataSet,
  root: DataSet,
  decode: (bytes: Uint8Array) => string,
  options: JsonOptions,
  prefix: string,
): JsonDataSet {
  const result: Record<string, JsonElement> = {};
  for (const element of Object.values(dataSet.elements)) {
    const tag = jsonTag(element.tag);
    if (tag.startsWith("0002") || tag.startsWith("FFFE") || tag.endsWith("0000")) continue;
    // JSON is UTF-8 by definition (PS3.18 F.2), whatever the file was written in.
    result[tag] =
      tag === "00080005"
        ? { vr: "CS", Value: ["ISO_IR 192"] }
        : convertElement(dataSet, root, element, tag, decode, options, prefix + tag);
  }
  return Object.fromEntries(Object.entries(result).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function convertElement(
  dataSet: DataSet,
  root: DataSet,
  element: Element,
  tag: string,
  decode: (bytes: Uint8Array) => string,
  options: JsonOptions,
  path: string,
): JsonElement {
  const vr = representationOf(element, tag, dataSet, root);
  if (vr === "SQ") {
    const items = (element.items ?? []).map((item, index) =>
      item.dataSet === undefined ? {} : convert(item.dataSet, root, decode, options, `${path}.${index}.`),
    );
    return items.length === 0 ? { vr } : { vr, Value: items };
  }
  if (tag === "7FE00010") return { vr, BulkDataURI: options.bulkDataUri(path) };
  if (binary.has(vr)) return binaryElement(dataSet, element, vr, options, path);
  const values = valuesOf(dataSet, element, vr, decode);
  return values.length === 0 ? { vr } : { vr, Value: values };
}

function binaryElement(
  dataSet: DataSet,
  element: Element,
  vr: string,
  options: JsonOptions,
  path: string,
): JsonElement {
  if (element.length === 0) return { vr };
  if (element.fragments !== undefined || element.length > options.inlineLimitBytes) {
    return { vr, BulkDataURI: options.bulkDataUri(path) };
  }
  return { vr, InlineBinary: Buffer.from(bytesOf(dataSet, element)).toString("base64") };
}

/** The element's own representation, or the dictionary's where the file does not carry it (implicit VR, UN). */
export function representationOf(element: Element, tag: string, dataSet: DataSet, root: DataSet): string {
  if (element.items !== undefined) return "SQ";
  if (element.vr !== undefined && element.vr !== "UN") return element.vr;
  const known = entryOfTag(tag)?.vr;
  switch (known) {
    case undefined:
      return tag[3] !== undefined && Number.parseInt(tag[3], 16) % 2 === 1 && tag.slice(4, 6) === "00" ? "LO" : "UN";
    case "xs":
      return (dataSet.uint16("x00280103") ?? root.uint16("x00280103")) === 1 ? "SS" : "US";
    case "ox":
    case "lt":
      return "OW";
    case "up":
      return "UL";
    default:
      return known;
  }
}

export function bytesOf(dataSet: DataSet, element: Element): Uint8Array {
  return dataSet.byteArray.subarray(element.dataOffset, element.dataOffset + element.length) as Uint8Array;
}

function valuesOf(
  dataSet: DataSet,
  element: Element,
  vr: string,
  decode: (bytes: Uint8Array) => string,
): readonly unknown[] {
  if (element.length <= 0) return [];
  if (vr === "AT") return attributeTags(dataSet, element);
  const size = numberBytes[vr];
  if (size !== undefined) {
    return Array.from({ length: Math.floor(element.length / size) }, (_, index) =>
      numberAt(dataSet, element, vr, index),
    );
  }
  const bytes = bytesOf(dataSet, element);
  const text = textual.has(vr) ? decode(bytes) : Buffer.from(bytes).toString("latin1");
  const parts = undivided.has(vr) ? [text] : text.split("\\");
  const values = parts.map((part) => textValue(trimPadding(part, undivided.has(vr)), vr));
  return values.every((value) => value === null) ? [] : values;
}

function trimPadding(text: string, keepLeading: boolean): string {
  const withoutNull = text.replace(/[\0 ]+$/, "");
  return keepLeading ? withoutNull : withoutNull.trimStart();
}

function textValue(text: string, vr: string): unknown {
  if (text === "") return null;
  if (vr === "IS" || vr === "DS") {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  }
  if (vr !== "PN") return text;
  const [alphabetic, ideographic, phonetic] = text.split("=");
  return {
    ...(alphabetic ? { Alphabetic: alphabetic } : {}),
    ...(ideographic ? { Ideographic: ideographic } : {}),
    ...(phonetic ? { Phonetic: phonetic } : {}),
  };
}

function numberAt(dataSet: DataSet, element: Element, vr: string, index: number): number | string | undefined {
  const { tag } = element;
  switch (vr) {
    case "US":
      return dataSet.uint16(tag, index);
    case "SS":
      return dataSet.int16(tag, index);
    case "UL":
      return dataSet.uint32(tag, index);
    case "SL":
      return dataSet.int32(tag, index);
    case "FL":
      return finite(dataSet.float(tag, index));
    case "FD":
      return finite(dataSet.double(tag, index));
    default: {
      const bytes = Buffer.from(bytesOf(dataSet, element)).subarray(index * 8, index * 8 + 8);
      // PS3.18 F.2.2: 64-bit integers beyond the safe range go as text.
      const value = vr === "UV" ? bytes.readBigUInt64LE() : bytes.readBigInt64LE();
      return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
        ? Number(value)
        : String(value);
    }
  }
}

/** JSON has no NaN or infinities; they go as text. */
function finite(value: number | undefined): number | string | undefined {
  return value === undefined || Number.isFinite(value) ? value : String(value);
}

function attributeTags(dataSet: DataSet, element: Element): readonly string[] {
  return Array.from({ length: Math.floor(element.length / 4) }, (_, index) =>
    [0, 1]
      .map((half) => (dataSet.uint16(element.tag, index * 2 + half) ?? 0).toString(16).padStart(4, "0"))
      .join("")
      .toUpperCase(),
  );
}

/** First value of an element as text (`PN`: its alphabetic group); undefined when absent or empty. */
export function firstText(dataSet: JsonDataSet, tag: string): string | undefined {
  const value = dataSet[tag]?.Value?.[0];
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "object" && value !== null && "Alphabetic" in value && typeof value.Alphabetic === "string") {
    return value.Alphabetic;
  }
  return undefined;
}

/** First value of an element as a number; undefined when absent or not one. */
export function firstNumber(dataSet: JsonDataSet, tag: string): number | undefined {
  const value = dataSet[tag]?.Value?.[0];
  return typeof value === "number" ? value : undefined;
}
