import { RefineError } from "@samrefine/core";

/**
 * A data set by keyword (PS3.6), as dcmjs and OHIF name it: one value stands alone, several are an array, a sequence is
 * an array of data sets, DS and IS are numbers, AT is eight hex digits, a person name is a string or, as it comes from
 * DICOMweb, an object with `Alphabetic`. Elements that the dictionary does not know are keyed by their eight hex digits.
 */
export type Attributes = Readonly<Record<string, unknown>>;

/** Pixel data that is compressed: the fragments in order, without the basic offset table. */
export interface EncapsulatedPixels {
  readonly kind: "encapsulated";
  /** Byte offsets of the frames' first fragments, from the first byte after the basic offset table; empty when unknown. */
  readonly offsets: readonly number[];
  readonly fragments: readonly Uint8Array[];
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : value;
}

/** The value or first value as text without padding; undefined when absent or empty. Numbers are written out. */
export function textOf(attributes: Attributes, keyword: string): string | undefined {
  const value = first(attributes[keyword]);
  if (typeof value === "string") return value.trim() === "" ? undefined : value.trim();
  if (typeof value === "number") return String(value);
  return undefined;
}

/** All values as text, e.g. of Image Type; empty when absent. */
export function textsOf(attributes: Attributes, keyword: string): readonly string[] {
  const value = attributes[keyword];
  const list: readonly unknown[] = Array.isArray(value) ? value : typeof value === "string" ? value.split("\\") : [];
  return list.filter((item): item is string => typeof item === "string").map((item) => item.trim());
}

function toNumber(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

/** The value or first value as a finite number; undefined when absent or not a number. */
export function numberOf(attributes: Attributes, keyword: string): number | undefined {
  return toNumber(first(attributes[keyword]));
}

/** Exactly `count` finite numbers, or undefined. */
export function numbersOf(attributes: Attributes, keyword: string, count: number): readonly number[] | undefined {
  const value = attributes[keyword];
  let list: readonly unknown[];
  if (typeof value === "string") list = value.split("\\");
  else if (Array.isArray(value)) list = value;
  else if (typeof value === "object" && value !== null && "length" in value)
    list = Array.from(value as ArrayLike<unknown>);
  else list = [value];
  const numbers = list.map(toNumber).filter((item): item is number => item !== undefined);
  return numbers.length === count && list.length === count ? numbers : undefined;
}

/** Items of a sequence; empty when absent. A lone item, as some metadata providers give it, counts as one. */
export function itemsOf(attributes: Attributes, keyword: string): readonly Attributes[] {
  const value = attributes[keyword];
  const list: readonly unknown[] = Array.isArray(value) ? value : value === undefined || value === null ? [] : [value];
  return list.filter((item): item is Attributes => typeof item === "object" && item !== null && !Array.isArray(item));
}

/** A person name in DICOM's `Alphabetic=Ideographic=Phonetic` form, from a string or from DICOMweb's object. */
export function personNameOf(attributes: Attributes, keyword: string): string | undefined {
  return personNameText(first(attributes[keyword]));
}

export function personNameText(value: unknown): string | undefined {
  if (typeof value === "string") return value.trim() === "" ? undefined : value.trim();
  if (typeof value !== "object" || value === null) return undefined;
  const groups = value as {
    readonly Alphabetic?: unknown;
    readonly Ideographic?: unknown;
    readonly Phonetic?: unknown;
  };
  const parts = [groups.Alphabetic, groups.Ideographic, groups.Phonetic].map((p) => (typeof p === "string" ? p : ""));
  const text = parts.join("=").replace(/=+$/, "");
  return text === "" ? undefined : text;
}

/**
 * The text of an attribute that must be there.
 * @throws RefineError `unsupported-dicom` naming the keyword.
 */
export function requireText(attributes: Attributes, keyword: string): string {
  const value = textOf(attributes, keyword);
  if (value !== undefined) return value;
  throw missing(attributes, keyword);
}

/**
 * The number of an attribute that must be there.
 * @throws RefineError `unsupported-dicom` naming the keyword.
 */
export function requireNumber(attributes: Attributes, keyword: string): number {
  const value = numberOf(attributes, keyword);
  if (value !== undefined) return value;
  throw missing(attributes, keyword);
}

function missing(attributes: Attributes, keyword: string): RefineError {
  const sopInstanceUid = textOf(attributes, "SOPInstanceUID") ?? null;
  return new RefineError(
    "unsupported-dicom",
    `${keyword} is missing or empty${sopInstanceUid ? ` in ${sopInstanceUid}` : ""}.`,
    {
      hint: "The object does not hold what its kind requires; ask its source for a complete one.",
      details: { keyword, sopInstanceUid },
    },
  );
}
