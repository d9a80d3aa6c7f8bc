import { RefineError } from "@samrefine/core";
import { type Attributes, type EncapsulatedPixels, personNameText } from "./attributes.ts";
import { encodeLatin1, type TextEncoding, textEncodingFor } from "./character-set.ts";
import { type DictionaryEntry, entryOfKeyword } from "./dictionary.ts";
import { LOCALISED_TEXT, LONG_LENGTH, NUMBER_BYTES, settleRepresentation, TEXT } from "./value-representation.ts";

/** Native pixel data in pieces, so that a long stream is copied only once, into the file. */
export interface ByteChunks {
  readonly kind: "chunks";
  readonly chunks: readonly Uint8Array[];
}

interface Representation {
  readonly isExplicit: boolean;
}

/** Growing little-endian buffer; long byte streams are kept by reference until the end. */
class ByteSink {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;
  readonly #inserts: { readonly at: number; readonly bytes: Uint8Array }[] = [];

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.byteLength * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }

  uint16(value: number): void {
    const at = this.#reserve(2); // may replace the view
    this.#view.setUint16(at, value, true);
  }

  uint32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
  }

  patchUint32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  number(vr: string, value: number): void {
    const width = NUMBER_BYTES[vr] ?? 2;
    const at = this.#reserve(width);
    if (vr === "US") this.#view.setUint16(at, value, true);
    else if (vr === "SS") this.#view.setInt16(at, value, true);
    else if (vr === "UL") this.#view.setUint32(at, value, true);
    else if (vr === "SL") this.#view.setInt32(at, value, true);
    else if (vr === "FL") this.#view.setFloat32(at, value, true);
    else if (vr === "FD") this.#view.setFloat64(at, value, true);
    else if (vr === "UV") this.#view.setBigUint64(at, BigInt(value), true);
    else this.#view.setBigInt64(at, BigInt(value), true);
  }

  bytes(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, at);
  }

  /** Characters of the basic set, one byte each. */
  ascii(text: string): void {
    const at = this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
  }

  insert(bytes: Uint8Array): void {
    this.#inserts.push({ at: this.#length, bytes });
  }

  get byteLength(): number {
    return this.#inserts.reduce((sum, insert) => sum + insert.bytes.byteLength, this.#length);
  }

  copyTo(out: Uint8Array, start: number): void {
    let from = 0;
    let to = start;
    for (const { at, bytes } of this.#inserts) {
      out.set(this.#bytes.subarray(from, at), to);
      to += at - from;
      out.set(bytes, to);
      to += bytes.byteLength;
      from = at;
    }
    out.set(this.#bytes.subarray(from, this.#length), to);
  }

  toBytes(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.byteLength);
    this.copyTo(out, 0);
    return out;
  }
}

interface PlannedElement extends DictionaryEntry {
  readonly group: number;
  readonly element: number;
}

function refuse(keyword: string, message: string): RefineError {
  return new RefineError("unsupported-dicom", `${keyword} cannot be written: ${message}`, {
    hint: "Correct the value before the object is written.",
    details: { keyword },
  });
}

/** Elements beyond the dictionary travel as the bytes they were; creators of private blocks (PS3.5 7.8.1) are text. */
function unnamedRepresentation(tag: string): string {
  const isPrivate = Number.parseInt(tag.slice(0, 4), 16) % 2 === 1;
  const element = Number.parseInt(tag.slice(4), 16);
  return isPrivate && element >= 0x10 && element <= 0xff ? "LO" : "UN";
}

const planCache = new Map<string, PlannedElement>();

function planOf(keyword: string): PlannedElement {
  const cached = planCache.get(keyword);
  if (cached !== undefined) return cached;
  const unnamed = /^[0-9A-F]{8}$/.test(keyword);
  const entry = unnamed ? { tag: keyword, vr: unnamedRepresentation(keyword), keyword } : entryOfKeyword(keyword);
  if (entry === undefined) throw refuse(keyword, "the dictionary has no element of this keyword.");
  const planned = {
    ...entry,
    group: Number.parseInt(entry.tag.slice(0, 4), 16),
    element: Number.parseInt(entry.tag.slice(4), 16),
  };
  if (!unnamed) planCache.set(keyword, planned);
  return planned;
}

interface WriteContext {
  readonly representation: Representation;
  readonly text: TextEncoding;
  readonly isSigned: boolean;
  readonly bitsAllocated: number | undefined;
}

function writeAttributes(sink: ByteSink, attributes: Attributes, context: WriteContext): void {
  const planned: PlannedElement[] = [];
  for (const keyword in attributes) {
    if (attributes[keyword] === undefined) continue;
    planned.push(planOf(keyword));
  }
  planned.sort((a, b) => a.group - b.group || a.element - b.element);
  for (const element of planned) writeElement(sink, element, attributes[element.keyword], context);
}

function isEncapsulated(value: unknown): value is EncapsulatedPixels {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "encapsulated";
}

function isChunks(value: unknown): value is ByteChunks {
  return typeof value === "object" && value !== null && (value as { kind?: unknown }).kind === "chunks";
}

function writeHeader(sink: ByteSink, element: PlannedElement, vr: string, length: number, context: WriteContext): void {
  sink.uint16(element.group);
  sink.uint16(element.element);
  if (!context.representation.isExplicit) {
    sink.uint32(length);
    return;
  }
  sink.ascii(vr);
  if (LONG_LENGTH.has(vr)) {
    sink.uint16(0);
    sink.uint32(length);
  } else {
    if (length > 0xfffe) throw refuse(element.keyword, `${length} bytes are too long for ${vr} (65534).`);
    sink.uint16(length);
  }
}

function writeElement(sink: ByteSink, element: PlannedElement, value: unknown, context: WriteContext): void {
  const vr = settleRepresentation(element.vr, context.isSigned, context.bitsAllocated);
  if (vr === "SQ" || (vr === "UN" && Array.isArray(value))) {
    writeSequence(sink, element, value, context);
  } else if (isEncapsulated(value)) {
    writeFragments(sink, element, value, context);
  } else if (isChunks(value)) {
    const length = value.chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
    if (length >= 0xffffffff) throw refuse(element.keyword, `${length} bytes do not fit into one element (4 GiB).`);
    writeHeader(sink, element, vr, length + (length % 2), context);
    for (const chunk of value.chunks) sink.insert(chunk);
    if (length % 2 === 1) sink.insert(new Uint8Array(1));
  } else {
    const bytes = encodeValue(element.keyword, vr, value, context.text);
    writeHeader(sink, element, vr, bytes.byteLength + (bytes.byteLength % 2), context);
    sink.bytes(bytes);
    if (bytes.byteLength % 2 === 1) sink.ascii(TEXT.has(vr) && vr !== "UI" ? " " : "\0");
  }
}

function writeSequence(sink: ByteSink, element: PlannedElement, value: unknown, context: WriteContext): void {
  writeHeader(sink, element, "SQ", 0, context);
  const start = sink.length;
  const items: readonly unknown[] = Array.isArray(value) ? value : isEmpty(value) ? [] : [value];
  for (const item of items) {
    if (typeof item !== "object" || item === null) throw refuse(element.keyword, "an item is not a data set.");
    sink.uint16(0xfffe);
    sink.uint16(0xe000);
    sink.uint32(0);
    const itemStart = sink.length;
    writeAttributes(sink, item as Attributes, context);
    sink.patchUint32(itemStart - 4, sink.length - itemStart);
  }
  sink.patchUint32(start - 4, sink.length - start);
}

function writeFragments(
  sink: ByteSink,
  element: PlannedElement,
  pixels: EncapsulatedPixels,
  context: WriteContext,
): void {
  writeHeader(sink, element, "OB", 0xffffffff, context);
  const item = (length: number): void => {
    sink.uint16(0xfffe);
    sink.uint16(0xe000);
    sink.uint32(length);
  };
  item(pixels.offsets.length * 4);
  for (const offset of pixels.offsets) sink.uint32(offset);
  for (const fragment of pixels.fragments) {
    item(fragment.byteLength + (fragment.byteLength % 2));
    sink.insert(fragment);
    if (fragment.byteLength % 2 === 1) sink.insert(new Uint8Array(1));
  }
  sink.uint16(0xfffe);
  sink.uint16(0xe0dd);
  sink.uint32(0);
}

function isEmpty(value: unknown): boolean {
  return value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function encodeValue(keyword: string, vr: string, value: unknown, text: TextEncoding): Uint8Array {
  if (isEmpty(value)) return new Uint8Array(0);
  if (TEXT.has(vr)) {
    const joined = Array.isArray(value)
      ? value.map((item) => textValue(keyword, vr, item)).join("\\")
      : textValue(keyword, vr, value);
    return LOCALISED_TEXT.has(vr) ? text.encode(joined) : encodeLatin1(joined);
  }
  if (vr === "AT" || NUMBER_BYTES[vr] !== undefined) {
    const list: readonly unknown[] =
      Array.isArray(value) || ArrayBuffer.isView(value) ? Array.from(value as ArrayLike<unknown>) : [value];
    return encodeNumbers(keyword, vr, list);
  }
  if (value instanceof Uint8Array) return value;
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw refuse(keyword, `${vr} wants bytes, not ${typeof value}.`);
}

function encodeNumbers(keyword: string, vr: string, values: readonly unknown[]): Uint8Array {
  const sink = new ByteSink();
  for (const value of values) {
    if (vr === "AT") {
      if (typeof value !== "string" || !/^[0-9A-Fa-f]{8}$/.test(value)) throw refuse(keyword, "AT wants 8 hex digits.");
      sink.uint16(Number.parseInt(value.slice(0, 4), 16));
      sink.uint16(Number.parseInt(value.slice(4), 16));
      continue;
    }
    const number = Number(value);
    if (!inRange(vr, number)) throw refuse(keyword, `${String(value)} is outside the range of ${vr}.`);
    sink.number(vr, number);
  }
  return sink.toBytes();
}

const INTEGER_RANGES: Readonly<Record<string, readonly [number, number]>> = {
  US: [0, 0xffff],
  SS: [-0x8000, 0x7fff],
  UL: [0, 0xffffffff],
  SL: [-0x80000000, 0x7fffffff],
  IS: [-0x80000000, 0x7fffffff],
  UV: [0, Number.MAX_SAFE_INTEGER],
  SV: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
};

function inRange(vr: string, number: number): boolean {
  const range = INTEGER_RANGES[vr];
  if (range === undefined) return Number.isFinite(number);
  return Number.isInteger(number) && number >= range[0] && number <= range[1];
}

function textValue(keyword: string, vr: string, value: unknown): string {
  if (vr === "PN") return personNameText(value) ?? "";
  if (typeof value === "string") return value;
  if (typeof value !== "number") throw refuse(keyword, `${vr} wants text, not ${typeof value}.`);
  if (vr === "IS" && !inRange(vr, value)) throw refuse(keyword, `${value} is outside the range of IS.`);
  return vr === "DS" ? decimalString(value) : String(value);
}

/**
 * The decimal string of at most 16 characters (PS3.5 6.2, DS) that is nearest to `value`.
 * @throws RefineError `unsupported-dicom` for NaN and infinities.
 */
export function decimalString(value: number): string {
  if (!Number.isFinite(value)) throw refuse("DS", `${value} is not a finite number.`);
  const shortest = String(value);
  if (shortest.length <= 16) return shortest;
  for (let digits = 16; digits > 1; digits--) {
    const rounded = Number(value.toPrecision(digits));
    const text = [String(rounded), rounded.toExponential()].find((candidate) => candidate.length <= 16);
    if (text !== undefined) return text;
  }
  return value.toExponential(0);
}

/** Highest code point of all text in a data set, the items included. */
function highestCodePoint(value: unknown): number {
  if (typeof value === "string") {
    let highest = 0;
    for (let i = 0; i < value.length; i++) highest = Math.max(highest, value.charCodeAt(i));
    return highest;
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || isChunks(value)) return 0;
  if (isEncapsulated(value)) return 0;
  let highest = 0;
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    const found = highestCodePoint(item);
    if (found > highest) highest = found;
  }
  return highest;
}

/** An encoded data set that has not been laid out in one piece yet. */
export interface EncodedDataset {
  readonly byteLength: number;
  copyTo(out: Uint8Array, start: number): void;
  toBytes(): Uint8Array<ArrayBuffer>;
}

/**
 * Encodes a data set, little-endian, elements in tag order, sequences with explicit lengths. Specific Character Set is
 * set to what was used: the wanted one where it can be kept, UTF-8 (ISO_IR 192) otherwise.
 * @throws RefineError `unsupported-dicom` naming the keyword whose value cannot be written.
 */
export function encodeDataset(attributes: Attributes, representation: Representation): EncodedDataset {
  const wanted = attributes.SpecificCharacterSet;
  const wantedTerm = Array.isArray(wanted) ? wanted.join("\\") : wanted;
  const text = textEncodingFor(typeof wantedTerm === "string" ? wantedTerm : undefined, highestCodePoint(attributes));
  const bits = attributes.BitsAllocated;
  const sink = new ByteSink();
  writeAttributes(
    sink,
    { ...attributes, SpecificCharacterSet: text.term },
    {
      representation,
      text,
      isSigned: attributes.PixelRepresentation === 1,
      bitsAllocated: typeof bits === "number" ? bits : undefined,
    },
  );
  return sink;
}

/** {@link encodeDataset} in one piece. */
export function writeDataset(attributes: Attributes, representation: Representation): Uint8Array<ArrayBuffer> {
  return encodeDataset(attributes, representation).toBytes();
}
