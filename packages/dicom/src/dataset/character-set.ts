import { RefineError } from "@samrefine/core";

// Defined terms of Specific Character Set (PS3.3 C.12.1.1.2) and the Encoding Standard's names for them.
const ENCODINGS: Readonly<Record<string, string>> = {
  "": "latin1",
  "ISO_IR 6": "latin1",
  "ISO_IR 100": "latin1",
  "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3",
  "ISO_IR 110": "iso-8859-4",
  "ISO_IR 144": "iso-8859-5",
  "ISO_IR 127": "iso-8859-6",
  "ISO_IR 126": "iso-8859-7",
  "ISO_IR 138": "iso-8859-8",
  "ISO_IR 148": "windows-1254",
  "ISO_IR 203": "iso-8859-15",
  "ISO_IR 13": "shift_jis",
  "ISO_IR 166": "windows-874",
  "ISO_IR 192": "utf-8",
  GB18030: "gb18030",
  GBK: "gbk",
  "ISO 2022 IR 13": "shift_jis",
  // Two-byte sets of G0, which an escape sequence switches on; G1 is empty or half-width katakana.
  "ISO 2022 IR 87": "shift_jis",
  "ISO 2022 IR 159": "shift_jis",
  "ISO 2022 IR 149": "euc-kr",
  "ISO 2022 IR 58": "gb18030",
};

const ESCAPE = 0x1b;

/** What an escape sequence (PS3.3 tables C.12-3 and C.12-4) puts into G0 or G1; G1 by the Encoding Standard's name. */
type Designation = { readonly g0: "single-byte" | "JIS X 0208" | "JIS X 0212" } | { readonly g1: string };
const DESIGNATIONS: Readonly<Record<string, Designation>> = {
  "(B": { g0: "single-byte" },
  "(J": { g0: "single-byte" },
  $B: { g0: "JIS X 0208" },
  "$(D": { g0: "JIS X 0212" },
  "-A": { g1: "latin1" },
  "-B": { g1: "iso-8859-2" },
  "-C": { g1: "iso-8859-3" },
  "-D": { g1: "iso-8859-4" },
  "-L": { g1: "iso-8859-5" },
  "-G": { g1: "iso-8859-6" },
  "-F": { g1: "iso-8859-7" },
  "-H": { g1: "iso-8859-8" },
  "-M": { g1: "windows-1254" },
  "-b": { g1: "iso-8859-15" },
  "-T": { g1: "windows-874" },
  ")I": { g1: "shift_jis" },
  "$)C": { g1: "euc-kr" },
  "$)A": { g1: "gb18030" },
};

function encodingOf(term: string): string | undefined {
  return ENCODINGS[term] ?? ENCODINGS[term.replace("ISO 2022 IR", "ISO_IR")];
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Decoder for the values of text representations (LO, SH, PN, LT, ST, UC, UT). Unknown terms read as Latin-1. */
export function textDecoderFor(terms: readonly string[]): (bytes: Uint8Array) => string {
  const initial = encodingOf(terms[0]?.trim() ?? "") ?? "latin1";
  return (bytes) => {
    if (bytes.includes(ESCAPE)) return decodeEscaped(bytes, initial);
    return bytes.every((byte) => byte < 0x80) ? latin1(bytes) : decodeWith(initial, bytes);
  };
}

function decodeWith(encoding: string, bytes: Uint8Array): string {
  if (encoding === "latin1") return latin1(bytes);
  try {
    return new TextDecoder(encoding).decode(bytes);
  } catch {
    return latin1(bytes);
  }
}

/** Code extensions of ISO 2022 (PS3.5 6.1.2.5): every piece between two escape sequences has a set of its own. */
function decodeEscaped(bytes: Uint8Array, initial: string): string {
  let g0 = "single-byte";
  let g1 = initial;
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const next = bytes.indexOf(ESCAPE, at);
    const end = next === -1 ? bytes.length : next;
    const piece = bytes.subarray(at, end);
    text += g0 === "single-byte" ? decodeWith(g1, piece) : decodeWith("euc-jp", asEucJp(piece, g0 === "JIS X 0212"));
    if (next === -1) break;
    const sequence = latin1(bytes.subarray(end + 1, end + 4));
    const found = [3, 2].map((length) => sequence.slice(0, length)).find((key) => DESIGNATIONS[key] !== undefined);
    const designation = found === undefined ? undefined : DESIGNATIONS[found];
    if (designation !== undefined && "g0" in designation) g0 = designation.g0;
    else if (designation !== undefined) g1 = designation.g1;
    at = end + 1 + (found?.length ?? 0);
  }
  return text;
}

/** EUC holds the two-byte sets of ISO 2022-JP with the high bits set; JIS X 0212 behind a shift. Control characters stay. */
function asEucJp(piece: Uint8Array, isSupplement: boolean): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < piece.length; ) {
    const [first, second] = [piece[at]!, piece[at + 1]];
    if (first <= 0x20 || second === undefined) {
      out.push(first);
      at += 1;
      continue;
    }
    if (isSupplement) out.push(0x8f);
    out.push(first | 0x80, second | 0x80);
    at += 2;
  }
  return Uint8Array.from(out);
}

export interface TextEncoding {
  /** Value for Specific Character Set; undefined = leave it out, all text is ASCII. */
  readonly term: string | undefined;
  readonly encode: (text: string) => Uint8Array;
}

/**
 * How to write text: the wanted character set where this writer has an encoder for it and it can hold every character
 * (ASCII, ISO_IR 100, ISO_IR 192), otherwise UTF-8, which can hold all of them.
 */
export function textEncodingFor(wanted: string | undefined, highestCodePoint: number): TextEncoding {
  const utf8 = new TextEncoder();
  if (wanted === "ISO_IR 192") return { term: wanted, encode: (text) => utf8.encode(text) };
  if (wanted === "ISO_IR 100" && highestCodePoint < 0x100) return { term: wanted, encode: encodeLatin1 };
  if (highestCodePoint < 0x80) return { term: wanted === "ISO_IR 100" ? wanted : undefined, encode: encodeLatin1 };
  return { term: "ISO_IR 192", encode: (text) => utf8.encode(text) };
}

/** @throws RefineError `unsupported-dicom` for a character beyond Latin-1. */
export function encodeLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) {
      throw new RefineError(
        "unsupported-dicom",
        `Character U+${code.toString(16)} does not fit the default character set.`,
        {
          hint: "Use characters of the basic set in UIDs, codes and other non-text attributes.",
          details: { code },
        },
      );
    }
    bytes[i] = code;
  }
  return bytes;
}
