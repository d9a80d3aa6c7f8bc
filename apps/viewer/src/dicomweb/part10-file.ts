import { type FileHandle, open } from "node:fs/promises";
import { inflateRawSync } from "node:zlib";
import { RefineError } from "@samrefine/core";
import { entryOfTag } from "@samrefine/dicom/encoding";
import dicomParser, { type DataSet } from "dicom-parser";
import { type JsonDataSet, type JsonOptions, jsonTag, toDicomJson } from "./dicom-json.ts";

export const deflatedTransferSyntax = "1.2.840.10008.1.2.1.99";
const explicitLittleEndian = "1.2.840.10008.1.2.1";

/** Where the pixels of a file lie. */
export interface PixelDataLocation {
  /** Byte offset of the value field. In a deflated file it counts in the inflated data set. */
  readonly offset: number;
  /** Bytes of the value; undefined for encapsulated (compressed) pixel data, which ends with a delimiter. */
  readonly length: number | undefined;
}

/** The data set of a Part 10 file up to its pixel data. */
export interface Part10Header {
  readonly transferSyntaxUid: string;
  readonly dataSet: DataSet;
  readonly pixelData: PixelDataLocation | undefined;
  readonly fileBytes: number;
}

const firstReadBytes = 64 * 1024;
const pixelDataTag = "x7fe00010";

/**
 * Reads the header of a DICOM Part 10 file without its pixels: a prefix of 64 KiB, more only where the header is longer.
 * @returns undefined when the file is not DICOM Part 10
 * @throws RefineError `unsupported-dicom` when it is, but cannot be read
 */
export async function readPart10Header(path: string): Promise<Part10Header | undefined> {
  const file = await open(path, "r");
  try {
    return await readHeaderFrom(file);
  } finally {
    await file.close();
  }
}

async function readHeaderFrom(file: FileHandle): Promise<Part10Header | undefined> {
  const { size } = await file.stat();
  for (let length = Math.min(size, firstReadBytes); ; length = Math.min(size, length * 8)) {
    const prefix = await readRange(file, 0, length);
    if (prefix.length < 132 || prefix.toString("latin1", 128, 132) !== "DICM") return undefined;
    try {
      const header = headerOf(prefix, size);
      // A prefix may happen to end between two elements: without pixels only the whole file is the whole header.
      if (header.pixelData !== undefined || length === size) return header;
    } catch (cause) {
      if (length === size) {
        throw new RefineError("unsupported-dicom", "The file starts as DICOM but its data set cannot be read.", {
          hint: "The file is cut off or damaged; export it again.",
          cause,
        });
      }
    }
  }
}

function headerOf(bytes: Uint8Array, fileBytes: number): Part10Header {
  const dataSet = dicomParser.parseDicom(bytes, {
    untilTag: pixelDataTag,
    // Implicit VR files do not say what is a sequence; the dictionary does.
    vrCallback: (tag) => entryOfTag(jsonTag(tag))?.vr.toUpperCase(),
    inflater: inflateDataSet,
  });
  const transferSyntaxUid = dataSet.string("x00020010") ?? explicitLittleEndian;
  const element = dataSet.elements[pixelDataTag];
  // Encapsulated pixel data has an undefined length (0xFFFFFFFF), which the parser resolves or gives as it stands.
  const encapsulated = element?.hadUndefinedLength === true || element?.length === 0xffffffff;
  return {
    transferSyntaxUid,
    dataSet,
    fileBytes,
    pixelData:
      element === undefined
        ? undefined
        : { offset: element.dataOffset, length: encapsulated ? undefined : element.length },
  };
}

/** As dicom-parser wants it: the meta information as it is, then the inflated data set. */
function inflateDataSet(bytes: Uint8Array, position: number): Uint8Array {
  return Buffer.concat([bytes.subarray(0, position), inflateRawSync(bytes.subarray(position))]);
}

/** All bytes of a deflated file, data set inflated. */
export async function readInflated(path: string): Promise<Buffer> {
  const header = await readPart10Header(path);
  if (header === undefined) throw new RefineError("unsupported-dicom", "The file is not DICOM any more.");
  return Buffer.from(header.dataSet.byteArray);
}

/** The header as DICOM JSON, pixel data and long binary values as addresses. */
export function headerAsJson(header: Part10Header, options: JsonOptions): JsonDataSet {
  const json = toDicomJson(header.dataSet, options);
  // Available Transfer Syntax UID (PS3.18 10.6.3): says how frames come when nothing else is asked for.
  const served = header.transferSyntaxUid === deflatedTransferSyntax ? explicitLittleEndian : header.transferSyntaxUid;
  return { ...json, "00083002": { vr: "UI", Value: [served] } };
}

/** Bytes `[offset, offset + length)`, fewer at the end of the file. */
export async function readRange(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
