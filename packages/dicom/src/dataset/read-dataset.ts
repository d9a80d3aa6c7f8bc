import { RefineError } from "@samrefine/core";
import type { Attributes, EncapsulatedPixels } from "./attributes.ts";
import { textDecoderFor } from "./character-set.ts";
import { entryOfTag } from "./dictionary.ts";
import type { TransferSyntax } from "./transfer-syntax.ts";
import {
  KNOWN,
  LOCALISED_TEXT,
  LONG_LENGTH,
  NUMBER_BYTES,
  SINGLE_TEXT,
  settleRepresentation,
  TEXT,
  WORD_BYTES,
} from "./value-representation.ts";

const UNDEFINED_LENGTH = 0xffffffff;
const ITEM = 0xfffee000;
const ITEM_END = 0xfffee00d;
const SEQUENCE_END = 0xfffee0dd;
const PIXEL_DATA = 0x7fe00010;
/** Deeper nesting than any IOD defines; a damaged file must not exhaust the call stack. */
const MAXIMUM_DEPTH = 48;

type Syntax = Pick<TransferSyntax, "isExplicit" | "isLittleEndian">;
type DecodeText = (bytes: Uint8Array) => string;

/** What an item inherits from the data set around it. */
interface Context {
  readonly decodeText: DecodeText;
  readonly isSigned: boolean;
  readonly depth: number;
}

interface Header {
  readonly tag: number;
  readonly vr: string;
  readonly length: number;
}

export function corrupt(message: string, offset: number): RefineError {
  return new RefineError("unsupported-dicom", `The DICOM data is damaged at byte ${offset}: ${message}`, {
    hint: "Fetch the object again from its source; the copy at hand is truncated or altered.",
    details: { offset },
  });
}

function hexOfTag(tag: number): string {
  return tag.toString(16).toUpperCase().padStart(8, "0");
}

/** Reads one data set; `bytes` and the byte streams in the result share memory. */
class DatasetReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #syntax: Syntax;
  #offset: number;

  constructor(bytes: Uint8Array, offset: number, syntax: Syntax) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#syntax = syntax;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Elements up to `end` or, with `end` undefined, up to the item delimiter. `keepGoing` looks at the next tag. */
  read(end: number | undefined, context: Context, keepGoing: (tag: number) => boolean = () => true): Attributes {
    if (context.depth > MAXIMUM_DEPTH) throw corrupt(`sequences nested deeper than ${MAXIMUM_DEPTH}.`, this.#offset);
    const attributes: Record<string, unknown> = {};
    let current = context;
    const limit = end ?? this.#bytes.byteLength;
    while (this.#offset < limit) {
      this.#need(8, limit);
      const tag = this.#peekTag();
      if (!keepGoing(tag)) return attributes;
      if (tag === ITEM_END) {
        if (end !== undefined) throw corrupt("an item delimiter outside an item of undefined length.", this.#offset);
        this.#offset += 8;
        return attributes;
      }
      if (tag === SEQUENCE_END || tag === ITEM) throw corrupt("an unexpected sequence or item tag.", this.#offset);
      const start = this.#offset;
      const header = this.#readHeader(limit);
      const value = this.#readValue(header, limit, current, attributes);
      if ((header.tag & 0xffff) === 0 && header.tag >>> 16 !== 2) continue; // retired group length
      const hex = hexOfTag(header.tag);
      const keyword = entryOfTag(hex)?.keyword ?? hex;
      if (keyword in attributes) throw corrupt(`${keyword} occurs twice in one data set.`, start);
      attributes[keyword] = value;
      if (keyword === "SpecificCharacterSet") {
        const terms = (Array.isArray(value) ? value : [value]).map(String);
        current = { ...current, decodeText: textDecoderFor(terms) };
      } else if (keyword === "PixelRepresentation") {
        current = { ...current, isSigned: value === 1 };
      }
    }
    if (end === undefined) throw corrupt("the data ends inside an item.", this.#offset);
    return attributes;
  }

  #need(count: number, limit: number): void {
    if (this.#offset + count > limit)
      throw corrupt(`${count} bytes expected, ${limit - this.#offset} left.`, this.#offset);
  }

  #peekTag(): number {
    const little = this.#syntax.isLittleEndian;
    return this.#view.getUint16(this.#offset, little) * 0x10000 + this.#view.getUint16(this.#offset + 2, little);
  }

  #readHeader(limit: number): Header {
    const little = this.#syntax.isLittleEndian;
    const tag = this.#peekTag();
    if (!this.#syntax.isExplicit) {
      const length = this.#view.getUint32(this.#offset + 4, little);
      this.#offset += 8;
      return { tag, vr: entryOfTag(hexOfTag(tag))?.vr ?? "UN", length };
    }
    const vr = String.fromCharCode(this.#bytes[this.#offset + 4] ?? 0, this.#bytes[this.#offset + 5] ?? 0);
    if (!KNOWN.has(vr)) throw corrupt(`unknown value representation in element ${hexOfTag(tag)}.`, this.#offset + 4);
    if (LONG_LENGTH.has(vr)) {
      this.#need(12, limit);
      const length = this.#view.getUint32(this.#offset + 8, little);
      this.#offset += 12;
      return { tag, vr, length };
    }
    const length = this.#view.getUint16(this.#offset + 6, little);
    this.#offset += 8;
    return { tag, vr, length };
  }

  #readValue(header: Header, limit: number, context: Context, siblings: Attributes): unknown {
    const { tag, length } = header;
    if (header.vr === "SQ") return this.#readSequence(length, limit, context);
    if (length === UNDEFINED_LENGTH) {
      if (tag === PIXEL_DATA) return this.#readFragments(limit);
      // UN of undefined length is an implicit little-endian sequence (PS3.5 6.2.2 note 2).
      if (header.vr === "UN") return this.#readForeignSequence(limit, context);
      throw corrupt(`element ${hexOfTag(tag)} has an undefined length, which ${header.vr} may not have.`, this.#offset);
    }
    this.#need(length, limit);
    const start = this.#offset;
    const bytes = this.#bytes.subarray(start, start + length);
    let vr = header.vr;
    if (vr === "UN") {
      const known = entryOfTag(hexOfTag(tag))?.vr;
      if (known === "SQ") return this.#readForeignSequence(start + length, context, length);
      if (known !== undefined) vr = known;
    }
    const bits = siblings.BitsAllocated;
    // Beyond the dictionary the bytes are kept as they are; only the creators of private blocks are text.
    if (entryOfTag(hexOfTag(tag)) === undefined) vr = isPrivateCreator(tag) ? "LO" : "UN";
    vr = settleRepresentation(vr, context.isSigned, typeof bits === "number" ? bits : undefined);
    this.#offset += length;
    return this.#decode(vr, bytes, start, context.decodeText);
  }

  #readForeignSequence(limit: number, context: Context, length: number = UNDEFINED_LENGTH): readonly Attributes[] {
    const reader = new DatasetReader(this.#bytes, this.#offset, { isExplicit: false, isLittleEndian: true });
    const items = reader.#readSequence(length, limit, context);
    this.#offset = reader.#offset;
    return items;
  }

  #readSequence(length: number, limit: number, context: Context): readonly Attributes[] {
    const items: Attributes[] = [];
    const isOpen = length === UNDEFINED_LENGTH;
    if (!isOpen) this.#need(length, limit);
    const end = isOpen ? limit : this.#offset + length;
    const inner = { ...context, depth: context.depth + 1 };
    while (this.#offset < end) {
      this.#need(8, end);
      const tag = this.#peekTag();
      const itemLength = this.#view.getUint32(this.#offset + 4, this.#syntax.isLittleEndian);
      if (tag === SEQUENCE_END && isOpen) {
        this.#offset += 8;
        return items;
      }
      if (tag !== ITEM) throw corrupt(`an item was expected, found ${hexOfTag(tag)}.`, this.#offset);
      this.#offset += 8;
      if (itemLength === UNDEFINED_LENGTH) {
        items.push(this.read(undefined, inner));
      } else {
        this.#need(itemLength, end);
        items.push(this.read(this.#offset + itemLength, inner));
      }
    }
    if (isOpen) throw corrupt("the data ends inside a sequence.", this.#offset);
    return items;
  }

  #readFragments(limit: number): EncapsulatedPixels {
    let offsets: readonly number[] | undefined;
    const fragments: Uint8Array[] = [];
    for (;;) {
      this.#need(8, limit);
      const tag = this.#peekTag();
      const length = this.#view.getUint32(this.#offset + 4, true);
      this.#offset += 8;
      if (tag === SEQUENCE_END) return { kind: "encapsulated", offsets: offsets ?? [], fragments };
      if (tag !== ITEM) throw corrupt(`a fragment was expected, found ${hexOfTag(tag)}.`, this.#offset - 8);
      this.#need(length, limit);
      const bytes = this.#bytes.subarray(this.#offset, this.#offset + length);
      this.#offset += length;
      if (offsets === undefined) offsets = offsetTable(bytes);
      else fragments.push(bytes);
    }
  }

  #decode(vr: string, bytes: Uint8Array, offset: number, decodeText: DecodeText): unknown {
    if (bytes.byteLength === 0) return "";
    if (TEXT.has(vr)) return decodeTextValue(vr, bytes, decodeText);
    const little = this.#syntax.isLittleEndian;
    const width = vr === "AT" ? 4 : NUMBER_BYTES[vr];
    if (width !== undefined) {
      if (bytes.byteLength % width !== 0) throw corrupt(`${vr} value of ${bytes.byteLength} bytes.`, offset);
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const values: (number | string)[] = [];
      for (let at = 0; at < bytes.byteLength; at += width) values.push(decodeNumber(vr, view, at, little));
      return values.length === 1 ? values[0] : values;
    }
    const word = WORD_BYTES[vr] ?? 1;
    return little || word === 1 ? bytes : swapped(bytes, word);
  }
}

function isPrivateCreator(tag: number): boolean {
  const element = tag & 0xffff;
  return ((tag >>> 16) & 1) === 1 && element >= 0x10 && element <= 0xff;
}

function offsetTable(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets: number[] = [];
  for (let at = 0; at + 4 <= bytes.byteLength; at += 4) offsets.push(view.getUint32(at, true));
  return offsets;
}

function decodeNumber(vr: string, view: DataView, at: number, little: boolean): number | string {
  switch (vr) {
    case "US":
      return view.getUint16(at, little);
    case "SS":
      return view.getInt16(at, little);
    case "UL":
      return view.getUint32(at, little);
    case "SL":
      return view.getInt32(at, little);
    case "FL":
      return view.getFloat32(at, little);
    case "FD":
      return view.getFloat64(at, little);
    case "UV":
      return Number(view.getBigUint64(at, little));
    case "SV":
      return Number(view.getBigInt64(at, little));
    default:
      return hexOfTag(view.getUint16(at, little) * 0x10000 + view.getUint16(at + 2, little));
  }
}

function decodeTextValue(vr: string, bytes: Uint8Array, decodeText: DecodeText): unknown {
  const text = (LOCALISED_TEXT.has(vr) ? decodeText(bytes) : decodeAscii(bytes)).replace(/[\0 ]+$/, "");
  if (SINGLE_TEXT.has(vr)) return text;
  const parts = text.split("\\").map((part) => (vr === "PN" || vr === "UC" ? part.trimEnd() : part.trim()));
  const values = vr === "DS" || vr === "IS" ? parts.map(decodeDecimal) : parts;
  return values.length === 1 ? values[0] : values;
}

function decodeAscii(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** A number where the text is one; the text itself otherwise, so that nothing is lost. */
function decodeDecimal(text: string): number | string {
  const value = text === "" ? Number.NaN : Number(text);
  return Number.isFinite(value) ? value : text;
}

function swapped(bytes: Uint8Array, word: number): Uint8Array {
  const out = new Uint8Array(bytes.byteLength);
  const whole = bytes.byteLength - (bytes.byteLength % word);
  for (let at = 0; at < whole; at += word) {
    for (let i = 0; i < word; i++) out[at + i] = bytes[at + word - 1 - i]!;
  }
  return out;
}

/**
 * Reads one data set by keyword.
 * @param keepGoing looks at the next tag (a number); reading stops before the first one that it refuses.
 * @throws RefineError `unsupported-dicom` with the byte offset for anything that is not well formed.
 */
export function readDataset(
  bytes: Uint8Array,
  start: number,
  syntax: Syntax,
  keepGoing?: (tag: number) => boolean,
): { readonly attributes: Attributes; readonly end: number } {
  const reader = new DatasetReader(bytes, start, syntax);
  const context: Context = { decodeText: textDecoderFor([]), isSigned: false, depth: 0 };
  const attributes = reader.read(bytes.byteLength, context, keepGoing);
  return { attributes, end: reader.offset };
}
