import { type FileHandle, open } from "node:fs/promises";
import { RefineError } from "@samrefine/core";
import type { DataSet } from "dicom-parser";
import type { IndexedInstance } from "./instance-index.ts";
import { deflatedTransferSyntax, readInflated, readPart10Header, readRange } from "./part10-file.ts";

const sequenceDelimiter = 0xfffee0dd;
const itemTag = 0xfffee000;

/** Media type of one compressed frame (PS3.18 table 8.7.3-5); frames that are not compressed are octet streams. */
const frameMediaTypes: Readonly<Record<string, string>> = {
  "1.2.840.10008.1.2.5": "image/dicom-rle",
  "1.2.840.10008.1.2.4.50": "image/jpeg",
  "1.2.840.10008.1.2.4.51": "image/jpeg",
  "1.2.840.10008.1.2.4.57": "image/jpeg",
  "1.2.840.10008.1.2.4.70": "image/jpeg",
  "1.2.840.10008.1.2.4.80": "image/jls",
  "1.2.840.10008.1.2.4.81": "image/jls",
  "1.2.840.10008.1.2.4.90": "image/jp2",
  "1.2.840.10008.1.2.4.91": "image/jp2",
  "1.2.840.10008.1.2.4.92": "image/jpx",
  "1.2.840.10008.1.2.4.93": "image/jpx",
  "1.2.840.10008.1.2.4.201": "image/jphc",
  "1.2.840.10008.1.2.4.202": "image/jphc",
  "1.2.840.10008.1.2.4.203": "image/jphc",
};

/** `Content-Type` of a frame's part, with the transfer syntax in which it is sent: the one of the file. */
export function frameContentType(transferSyntaxUid: string): string {
  const media = frameMediaTypes[transferSyntaxUid] ?? "application/octet-stream";
  const sent = transferSyntaxUid === deflatedTransferSyntax ? "1.2.840.10008.1.2.1" : transferSyntaxUid;
  return `${media}; transfer-syntax=${sent}`;
}

interface Fragment {
  /** Of the fragment's value in the file. */
  readonly offset: number;
  readonly length: number;
  /** Of the item's tag, from the first item after the basic offset table, as offset tables count. */
  readonly relativeOffset: number;
}

/**
 * Reads frames of one instance from its file; nothing but the wanted frames is read.
 * @param frameNumbers 1-based
 * @returns undefined when the instance has no pixel data or one of the frames does not exist
 * @throws RefineError `unsupported-dicom` when the frames of compressed pixel data cannot be told apart
 */
export async function readFrames(
  instance: IndexedInstance,
  frameNumbers: readonly number[],
): Promise<readonly Uint8Array[] | undefined> {
  const { pixelData } = instance;
  const header = await readPart10Header(instance.path);
  if (pixelData === undefined || header === undefined) return undefined;
  const numberOfFrames = Number(header.dataSet.string("x00280008") ?? 1) || 1;
  if (frameNumbers.some((number) => number < 1 || number > numberOfFrames)) return undefined;
  const file = await open(instance.path, "r");
  try {
    if (pixelData.length === undefined) {
      const frames = await encapsulatedFrames(file, pixelData.offset, header.dataSet, numberOfFrames);
      return await Promise.all(frameNumbers.map((number) => joinFragments(file, frames[number - 1] ?? [])));
    }
    const layout = nativeLayout(header.dataSet);
    const read =
      instance.transferSyntaxUid === deflatedTransferSyntax
        ? readerOf(await readInflated(instance.path))
        : (offset: number, length: number) => readRange(file, offset, length);
    return await Promise.all(frameNumbers.map((number) => nativeFrame(read, pixelData.offset, layout, number - 1)));
  } finally {
    await file.close();
  }
}

type RangeReader = (offset: number, length: number) => Promise<Uint8Array>;

function readerOf(bytes: Uint8Array): RangeReader {
  return async (offset, length) => bytes.subarray(offset, offset + length);
}

/** Bits per frame of pixel data that is not compressed. */
function nativeLayout(dataSet: DataSet): { readonly bitsPerFrame: number } {
  const rows = dataSet.uint16("x00280010") ?? 0;
  const columns = dataSet.uint16("x00280011") ?? 0;
  const samples = dataSet.uint16("x00280002") ?? 1;
  const bits = dataSet.uint16("x00280100") ?? 8;
  // YBR_FULL_422 shares its chroma between two pixels (PS3.3 C.7.6.3.1.2): two samples per pixel in memory.
  const stored = dataSet.string("x00280004")?.trim() === "YBR_FULL_422" && samples === 3 ? 2 : samples;
  return { bitsPerFrame: rows * columns * stored * bits };
}

async function nativeFrame(
  read: RangeReader,
  start: number,
  layout: { readonly bitsPerFrame: number },
  index: number,
): Promise<Uint8Array> {
  const { bitsPerFrame } = layout;
  const firstBit = index * bitsPerFrame;
  const firstByte = Math.floor(firstBit / 8);
  const lastByte = Math.ceil((firstBit + bitsPerFrame) / 8);
  const bytes = await read(start + firstByte, lastByte - firstByte);
  const shift = firstBit % 8;
  return shift === 0 ? bytes : shiftBits(bytes, shift, bitsPerFrame);
}

/** One-bit frames follow each other without padding (PS3.5 8.2), so one may start inside a byte; lowest bit first. */
function shiftBits(bytes: Uint8Array, shift: number, bits: number): Uint8Array {
  const result = new Uint8Array(Math.ceil(bits / 8));
  for (let index = 0; index < result.length; index += 1) {
    result[index] = ((bytes[index] ?? 0) >> shift) | (((bytes[index + 1] ?? 0) << (8 - shift)) & 0xff);
  }
  return result;
}

/** Fragments of every frame (PS3.5 A.4), found by offset table, by count, or by the codestreams' first bytes. */
async function encapsulatedFrames(
  file: FileHandle,
  offset: number,
  dataSet: DataSet,
  numberOfFrames: number,
): Promise<readonly (readonly Fragment[])[]> {
  const { basicOffsets, fragments } = await readFragmentTable(file, offset);
  if (numberOfFrames === 1) return [fragments];
  if (fragments.length === numberOfFrames) return fragments.map((fragment) => [fragment]);
  const offsets = extendedOffsets(dataSet) ?? basicOffsets;
  if (offsets.length === numberOfFrames) {
    return offsets.map((from, index) => {
      const to = offsets[index + 1] ?? Number.POSITIVE_INFINITY;
      return fragments.filter((fragment) => fragment.relativeOffset >= from && fragment.relativeOffset < to);
    });
  }
  const frames = await framesByFirstBytes(file, fragments);
  if (frames.length === numberOfFrames) return frames;
  throw new RefineError(
    "unsupported-dicom",
    `${numberOfFrames} frames lie in ${fragments.length} fragments without an offset table.`,
    {
      hint: "Convert the file to an uncompressed transfer syntax.",
      details: { numberOfFrames, fragments: fragments.length },
    },
  );
}

async function readFragmentTable(
  file: FileHandle,
  start: number,
): Promise<{ readonly basicOffsets: readonly number[]; readonly fragments: readonly Fragment[] }> {
  const table = await readItem(file, start);
  const bytes = table === undefined ? Buffer.alloc(0) : await readRange(file, start + 8, table);
  const basicOffsets = Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) =>
    bytes.readUInt32LE(index * 4),
  );
  const first = start + 8 + bytes.length;
  const fragments: Fragment[] = [];
  for (let position = first; ; ) {
    const length = await readItem(file, position);
    if (length === undefined) return { basicOffsets, fragments };
    fragments.push({ offset: position + 8, length, relativeOffset: position - first });
    position += 8 + length;
  }
}

/** Length of the item at a position; undefined at the sequence delimiter or the end of the file. */
async function readItem(file: FileHandle, position: number): Promise<number | undefined> {
  const head = await readRange(file, position, 8);
  if (head.length < 8) return undefined;
  const tag = head.readUInt16LE(0) * 0x10000 + head.readUInt16LE(2);
  if (tag === sequenceDelimiter) return undefined;
  if (tag !== itemTag) {
    throw new RefineError("unsupported-dicom", "Compressed pixel data has something other than items in it.", {
      hint: "The file is damaged; export it again.",
    });
  }
  return head.readUInt32LE(4);
}

/** Extended Offset Table (7FE0,0001), 64-bit. */
function extendedOffsets(dataSet: DataSet): readonly number[] | undefined {
  const element = dataSet.elements.x7fe00001;
  if (element === undefined) return undefined;
  const bytes = Buffer.from(dataSet.byteArray.subarray(element.dataOffset, element.dataOffset + element.length));
  return Array.from({ length: Math.floor(bytes.length / 8) }, (_, index) => Number(bytes.readBigUInt64LE(index * 8)));
}

async function framesByFirstBytes(file: FileHandle, fragments: readonly Fragment[]): Promise<Fragment[][]> {
  const frames: Fragment[][] = [];
  for (const fragment of fragments) {
    const marker = (await readRange(file, fragment.offset, 2)).toString("hex");
    // SOI of JPEG and JPEG-LS, SOC of JPEG 2000.
    if (marker === "ffd8" || marker === "ff4f" || frames.length === 0) frames.push([fragment]);
    else frames.at(-1)?.push(fragment);
  }
  return frames;
}

async function joinFragments(file: FileHandle, fragments: readonly Fragment[]): Promise<Uint8Array> {
  return Buffer.concat(await Promise.all(fragments.map((part) => readRange(file, part.offset, part.length))));
}

/**
 * All pixel data of an instance, frames one after the other, as the value of a bulk data request.
 * @returns undefined when it has none
 */
export async function readAllFrames(instance: IndexedInstance): Promise<readonly Uint8Array[] | undefined> {
  const header = await readPart10Header(instance.path);
  if (header === undefined) return undefined;
  if (instance.pixelData?.length === undefined) {
    const count = Number(header.dataSet.string("x00280008") ?? 1) || 1;
    return readFrames(
      instance,
      Array.from({ length: count }, (_, index) => index + 1),
    );
  }
  const { offset, length } = instance.pixelData;
  if (instance.transferSyntaxUid === deflatedTransferSyntax) {
    return [(await readInflated(instance.path)).subarray(offset, offset + length)];
  }
  const file = await open(instance.path, "r");
  try {
    return [await readRange(file, offset, length)];
  } finally {
    await file.close();
  }
}
