import { RefineError } from "@samrefine/core";
import { deflateSync, Inflate } from "fflate";
import { type Attributes, requireText, textOf } from "./dataset/attributes.ts";
import { corrupt, readDataset } from "./dataset/read-dataset.ts";
import { EXPLICIT_LITTLE_ENDIAN, transferSyntaxOf } from "./dataset/transfer-syntax.ts";
import { encodeDataset, writeDataset } from "./dataset/write-dataset.ts";
import { requireUid } from "./uid.ts";

/** Identifies this implementation in the file meta information of what it writes. */
export const IMPLEMENTATION_CLASS_UID = "2.25.123921274503875098153465046452454271451";
/** At most 16 characters (SH). */
export const IMPLEMENTATION_VERSION_NAME = "SAMREFINE_0_1";

export interface DicomFile {
  /** File meta information, group 0002. */
  readonly meta: Attributes;
  readonly dataset: Attributes;
  readonly transferSyntaxUid: string;
}

export interface ReadOptions {
  /** Refuses deflated files that unpack to more than this. Default 2 GiB. */
  readonly maximumInflatedBytes?: number;
}

export interface WriteOptions {
  /**
   * Default Explicit VR Little Endian. The deflated and the encapsulated syntaxes are accepted too; for the latter
   * PixelData must be given as fragments that are compressed already.
   */
  readonly transferSyntaxUid?: string;
}

const PREAMBLE_BYTES = 132;

/**
 * Reads a Part 10 file (PS3.10 7) of any standard transfer syntax. Pixel data and other byte streams in the result are
 * views of `file`; compressed pixel data is given as fragments.
 * @throws RefineError `unsupported-dicom` when the bytes are not a file of this kind, are truncated or damaged.
 */
export function readPart10(file: Uint8Array, options: ReadOptions = {}): DicomFile {
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength); // Node's Buffer is a subclass
  if (bytes.byteLength < PREAMBLE_BYTES || String.fromCharCode(...bytes.subarray(128, 132)) !== "DICM") {
    throw new RefineError("unsupported-dicom", "This is not a DICOM file: the prefix DICM is missing at byte 128.", {
      hint: "Give a DICOM Part 10 file.",
      details: { byteLength: bytes.byteLength },
    });
  }
  const header = readDataset(
    bytes,
    PREAMBLE_BYTES,
    { isExplicit: true, isLittleEndian: true },
    (tag) => tag >>> 16 === 0x0002,
  );
  const meta = header.attributes;
  const transferSyntaxUid = requireText(meta, "TransferSyntaxUID");
  const syntax = transferSyntaxOf(transferSyntaxUid);
  if (syntax === undefined) {
    throw new RefineError("unsupported-dicom", `The transfer syntax ${transferSyntaxUid} is not known.`, {
      hint: "Have the file stored as Explicit VR Little Endian, or in one of the JPEG, RLE or deflated syntaxes.",
      details: { transferSyntaxUid },
    });
  }
  if (!syntax.isDeflated) {
    const isExplicit = syntax.isExplicit && !looksImplicit(bytes, header.end);
    const { attributes } = readDataset(bytes, header.end, { ...syntax, isExplicit });
    return { meta, dataset: attributes, transferSyntaxUid };
  }
  const inflated = inflateBounded(bytes.subarray(header.end), options.maximumInflatedBytes ?? 2 ** 31);
  return { meta, dataset: readDataset(inflated, 0, syntax).attributes, transferSyntaxUid };
}

/**
 * Some writers name an explicit transfer syntax and leave the representations out. Where the first element has no two capital
 * letters after its tag, there are none.
 */
function looksImplicit(bytes: Uint8Array, start: number): boolean {
  const isLetter = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x41 && byte <= 0x5a;
  return start + 8 <= bytes.byteLength && !(isLetter(bytes[start + 4]) && isLetter(bytes[start + 5]));
}

/**
 * Unpacks a raw DEFLATE stream, giving up as soon as it grows beyond `limit`.
 * @throws RefineError `unsupported-dicom` for a damaged, truncated or oversized stream.
 */
export function inflateBounded(bytes: Uint8Array, limit: number): Uint8Array {
  const parts: Uint8Array[] = [];
  let total = 0;
  let isFinal = false;
  const stream = new Inflate((chunk, final) => {
    total += chunk.byteLength;
    if (total > limit) throw corrupt(`the deflated data unpacks to more than ${limit} bytes.`, 0);
    parts.push(chunk);
    isFinal = final;
  });
  const step = 1 << 16;
  try {
    for (let at = 0; at < bytes.byteLength; at += step) {
      stream.push(bytes.subarray(at, at + step), at + step >= bytes.byteLength);
    }
  } catch (error) {
    if (error instanceof RefineError) throw error;
    throw corrupt(
      `the deflated data cannot be unpacked (${error instanceof Error ? error.message : String(error)}).`,
      0,
    );
  }
  if (!isFinal) throw corrupt("the deflated data ends early.", bytes.byteLength);
  const out = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/**
 * Writes a Part 10 file with the file meta information of PS3.10 7.1. SOPClassUID and SOPInstanceUID come from the data
 * set. PixelData is a Uint8Array (or another typed array, little-endian), chunks, or fragments.
 * @throws RefineError `unsupported-dicom` for a value that its representation cannot hold, an unknown keyword, a missing
 * or invalid UID, or a transfer syntax that this function does not write.
 */
export function writePart10(dataset: Attributes, options: WriteOptions = {}): Uint8Array<ArrayBuffer> {
  const transferSyntaxUid = options.transferSyntaxUid ?? EXPLICIT_LITTLE_ENDIAN;
  const syntax = transferSyntaxOf(transferSyntaxUid);
  if (syntax === undefined || !syntax.isLittleEndian) {
    throw new RefineError("unsupported-dicom", `Files of transfer syntax ${transferSyntaxUid} are not written.`, {
      hint: "Use Explicit VR Little Endian (1.2.840.10008.1.2.1).",
      details: { transferSyntaxUid },
    });
  }
  const encoded = encodeDataset(dataset, syntax);
  const meta = writeDataset(
    {
      FileMetaInformationVersion: Uint8Array.of(0, 1),
      MediaStorageSOPClassUID: requireUid(requireText(dataset, "SOPClassUID"), "SOPClassUID"),
      MediaStorageSOPInstanceUID: requireUid(requireText(dataset, "SOPInstanceUID"), "SOPInstanceUID"),
      TransferSyntaxUID: transferSyntaxUid,
      ImplementationClassUID: IMPLEMENTATION_CLASS_UID,
      ImplementationVersionName: IMPLEMENTATION_VERSION_NAME,
      SourceApplicationEntityTitle: textOf(dataset, "SourceApplicationEntityTitle"),
    },
    { isExplicit: true },
  );
  const groupLength = writeDataset({ FileMetaInformationGroupLength: meta.byteLength }, { isExplicit: true });
  const deflated = syntax.isDeflated ? evenLength(deflateSync(encoded.toBytes())) : undefined;
  const out = new Uint8Array(
    PREAMBLE_BYTES + groupLength.byteLength + meta.byteLength + (deflated ?? encoded).byteLength,
  );
  out.set([0x44, 0x49, 0x43, 0x4d], 128);
  out.set(groupLength, PREAMBLE_BYTES);
  out.set(meta, PREAMBLE_BYTES + groupLength.byteLength);
  const start = PREAMBLE_BYTES + groupLength.byteLength + meta.byteLength;
  if (deflated === undefined) encoded.copyTo(out, start);
  else out.set(deflated, start);
  return out;
}

function evenLength(bytes: Uint8Array): Uint8Array {
  if (bytes.byteLength % 2 === 0) return bytes;
  const padded = new Uint8Array(bytes.byteLength + 1);
  padded.set(bytes);
  return padded;
}
