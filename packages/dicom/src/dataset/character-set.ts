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
  "ISO 2022 IR 87": "iso-2022-jp",
  "ISO 2022 IR 159": "iso-2022-jp",
  "ISO 2022 IR 149": "euc-kr",
  "ISO 2022 IR 58": "gb18030",
};

const ESCAPE = 0x1b;

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
  const names = terms.map((term) => encodingOf(term.trim()) ?? "latin1");
  const escaped = names.find((name) => name === "iso-2022-jp" || name === "euc-kr" || name === "gb18030");
  const plain = names[0] ?? "latin1";
  const decodeWith = (encoding: string, bytes: Uint8Array): string => {
    try {
      return new TextDecoder(encoding).decode(bytes);
    } catch {
      return latin1(bytes);
    }
  };
  return (bytes) => {
    if (bytes.every((byte) => byte < 0x80 && byte !== ESCAPE)) return latin1(bytes);
    if (bytes.includes(ESCAPE) && escaped !== undefined) {
      // The Encoding Standard knows ISO 2022's escapes for Japanese only; Korean and Chinese ones just announce G1.
      const rest = escaped === "iso-2022-jp" ? bytes : withoutEscapes(bytes);
      return decodeWith(escaped, rest);
    }
    if (plain === "latin1") return latin1(bytes);
    return decodeWith(plain === "iso-2022-jp" ? "shift_jis" : plain, bytes);
  };
}

function withoutEscapes(bytes: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === ESCAPE) i += bytes[i + 1] === 0x24 ? 3 : 2;
    else kept.push(bytes[i]!);
  }
  return Uint8Array.from(kept);
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
