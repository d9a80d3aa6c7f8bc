/** Representations whose explicit header holds a 32-bit length (PS3.5 table 7.1-1). */
export const LONG_LENGTH: ReadonlySet<string> = new Set([
  "OB",
  "OD",
  "OF",
  "OL",
  "OV",
  "OW",
  "SQ",
  "SV",
  "UC",
  "UN",
  "UR",
  "UT",
  "UV",
]);

/** Representations whose text follows Specific Character Set (PS3.5 6.1.2.2). */
export const LOCALISED_TEXT: ReadonlySet<string> = new Set(["LO", "LT", "PN", "SH", "ST", "UC", "UT"]);

/** Text that is one value even where it holds a backslash. */
export const SINGLE_TEXT: ReadonlySet<string> = new Set(["LT", "ST", "UR", "UT"]);

export const TEXT: ReadonlySet<string> = new Set([
  "AE",
  "AS",
  "CS",
  "DA",
  "DS",
  "DT",
  "IS",
  "LO",
  "LT",
  "PN",
  "SH",
  "ST",
  "TM",
  "UC",
  "UI",
  "UR",
  "UT",
]);

/** Bytes per value of the binary numbers. */
export const NUMBER_BYTES: Readonly<Record<string, number>> = {
  FD: 8,
  FL: 4,
  SL: 4,
  SS: 2,
  SV: 8,
  UL: 4,
  US: 2,
  UV: 8,
};

/** Bytes per word of the binary streams, for byte swapping. */
export const WORD_BYTES: Readonly<Record<string, number>> = { OB: 1, OD: 8, OF: 4, OL: 4, OV: 8, OW: 2, UN: 1 };

export const KNOWN: ReadonlySet<string> = new Set([...TEXT, ...Object.keys(NUMBER_BYTES), ...LONG_LENGTH, "AT"]);

/** Settles a representation that the dictionary leaves to the context (lower case in dictionary-data.ts). */
export function settleRepresentation(vr: string, isSigned: boolean, bitsAllocated: number | undefined): string {
  if (vr === "xs") return isSigned ? "SS" : "US";
  if (vr === "ox") return bitsAllocated !== undefined && bitsAllocated <= 8 ? "OB" : "OW";
  if (vr === "lt") return "OW";
  if (vr === "up") return "UL";
  return vr;
}
