import { RefineError } from "@samrefine/core";
import { type Attributes, type EncapsulatedPixels, numberOf, requireNumber, textOf } from "../dataset/attributes.ts";
import { DEFLATED_IMAGE_FRAME, RLE_LOSSLESS } from "../dataset/transfer-syntax.ts";
import { type DicomFile, inflateBounded } from "../part10.ts";
import { readCodestreamHeader } from "../pixels/codestream-header.ts";
import { markedAsRgb, unboxedJpeg2000 } from "../pixels/codestream-repair.ts";
import { framesOfFragments } from "../pixels/fragments.ts";
import { decodeRleFrame } from "../seg/rle.ts";
import { type DecodedImage, interleaved, WasmCodec } from "./wasm-codec.ts";

/** The stored values of one frame, before any look-up table or rescaling. */
export interface StoredFrame {
  readonly columns: number;
  readonly rows: number;
  readonly samplesPerPixel: 1 | 3;
  /** Of `data`: RGB where the codec undid a colour transform. */
  readonly photometricInterpretation: string;
  /** Row-major, samples of a pixel together; the bits above Bits Stored are gone, signed values have their sign. */
  readonly data: Int32Array;
}

interface Layout {
  readonly rows: number;
  readonly columns: number;
  readonly samples: 1 | 3;
  readonly bytesPerSample: 1 | 2;
  readonly bitsStored: number;
  readonly isSigned: boolean;
  readonly isPlanar: boolean;
  readonly frameCount: number;
  readonly photometric: string;
}

const jpegLs = new WasmCodec("JpegLSDecoder", () => import("@cornerstonejs/codec-charls/decodewasmjs"));
const jpeg = new WasmCodec("JPEGDecoder", () => import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs"));
const jpeg2000 = new WasmCodec("J2KDecoder", () => import("@cornerstonejs/codec-openjpeg/decodewasmjs"));
const htj2k = new WasmCodec("HTJ2KDecoder", () => import("@cornerstonejs/codec-openjph/wasmjs"));

async function decodeLosslessJpeg(bytes: Uint8Array): Promise<DecodedImage> {
  const { Decoder } = await import("jpeg-lossless-decoder-js");
  const header = readCodestreamHeader(bytes);
  const copy = bytes.slice(); // the decoder wants a buffer of its own
  const data = new Decoder().decode(copy.buffer, 0, copy.byteLength);
  return {
    data,
    columns: header?.columns ?? 0,
    rows: header?.rows ?? 0,
    components: header?.components ?? 0,
  };
}

/** Decoder of each transfer syntax of PS3.5 A.4 with a codec. */
const CODECS: Readonly<Record<string, (bytes: Uint8Array) => Promise<DecodedImage>>> = {
  "1.2.840.10008.1.2.4.50": (bytes) => jpeg.decode(bytes),
  "1.2.840.10008.1.2.4.51": (bytes) => jpeg.decode(bytes),
  "1.2.840.10008.1.2.4.57": decodeLosslessJpeg,
  "1.2.840.10008.1.2.4.70": decodeLosslessJpeg,
  "1.2.840.10008.1.2.4.80": (bytes) => jpegLs.decode(bytes),
  "1.2.840.10008.1.2.4.81": (bytes) => jpegLs.decode(bytes),
  "1.2.840.10008.1.2.4.90": (bytes) => jpeg2000.decode(bytes),
  "1.2.840.10008.1.2.4.91": (bytes) => jpeg2000.decode(bytes),
  "1.2.840.10008.1.2.4.201": (bytes) => htj2k.decode(bytes),
  "1.2.840.10008.1.2.4.202": (bytes) => htj2k.decode(bytes),
  "1.2.840.10008.1.2.4.203": (bytes) => htj2k.decode(bytes),
};

/** DCT-based JPEG: the codec holds 8-bit samples. */
const EIGHT_BIT: ReadonlySet<string> = new Set(["1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"]);

type Refuse = (message: string, cause?: unknown) => RefineError;

function layoutOf(dataset: Attributes, refuse: Refuse): Layout {
  const bits = requireNumber(dataset, "BitsAllocated");
  const samples = numberOf(dataset, "SamplesPerPixel") ?? 1;
  if ((samples !== 1 && samples !== 3) || (bits !== 8 && bits !== 16)) {
    throw refuse(`${samples} samples of ${bits} bits are not read here, one or three of 8 or 16 are`);
  }
  const bitsStored = numberOf(dataset, "BitsStored") ?? bits;
  const [rows, columns] = [requireNumber(dataset, "Rows"), requireNumber(dataset, "Columns")];
  const frameCount = numberOf(dataset, "NumberOfFrames") ?? 1;
  const areWhole = [rows, columns, frameCount, bitsStored].every((value) => Number.isInteger(value) && value > 0);
  if (!areWhole || bitsStored > bits) {
    throw refuse(`${columns} x ${rows} pixels, ${frameCount} frames and ${bitsStored} of ${bits} bits make no image`);
  }
  return {
    rows,
    columns,
    samples,
    bytesPerSample: bits === 16 ? 2 : 1,
    bitsStored,
    isSigned: numberOf(dataset, "PixelRepresentation") === 1,
    isPlanar: samples === 3 && numberOf(dataset, "PlanarConfiguration") === 1,
    frameCount,
    photometric: textOf(dataset, "PhotometricInterpretation") ?? "MONOCHROME2",
  };
}

function sampleCount({ rows, columns, samples }: Layout): number {
  return rows * columns * samples;
}

/** Little-endian bytes as samples; 16-bit ones may lie at an odd address. */
function samplesOf(bytes: Uint8Array, { bytesPerSample }: Layout): Uint8Array | Uint16Array {
  if (bytesPerSample === 1) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: bytes.byteLength >> 1 }, (_, i) => view.getUint16(2 * i, true));
}

/** Two pixels share their chrominance, in the order Y1 Y2 Cb Cr (PS3.3 C.7.6.3.1.2). */
function unshared(bytes: Uint8Array, { rows, columns }: Layout): Uint8Array {
  const out = new Uint8Array(rows * columns * 3);
  for (let i = 0; i < rows * columns; i++) {
    const pair = (i >> 1) * 4;
    out[3 * i] = bytes[pair + (i & 1)]!;
    out[3 * i + 1] = bytes[pair + 2]!;
    out[3 * i + 2] = bytes[pair + 3]!;
  }
  return out;
}

function nativeSamples(pixels: Uint8Array, index: number, layout: Layout, refuse: Refuse): Uint8Array | Uint16Array {
  const isShared = layout.photometric === "YBR_FULL_422";
  if (isShared && (layout.columns % 2 === 1 || layout.bytesPerSample === 2)) {
    throw refuse("YBR_FULL_422 needs 8-bit samples and an even number of columns");
  }
  const size = isShared ? layout.rows * layout.columns * 2 : sampleCount(layout) * layout.bytesPerSample;
  if (pixels.byteLength < (index + 1) * size) {
    throw refuse(
      `${layout.columns} x ${layout.rows} pixels need ${(index + 1) * size} bytes, ${pixels.byteLength} are there`,
    );
  }
  const frame = pixels.subarray(index * size, (index + 1) * size);
  if (isShared) return unshared(frame, layout);
  const samples = samplesOf(frame, layout);
  return layout.isPlanar ? interleaved(samples, 3) : samples;
}

/** RLE holds byte planes: all high bytes of a sample, then all low bytes, sample after sample (PS3.5 G.2). */
function rleSamples(bytes: Uint8Array, layout: Layout): Uint8Array | Uint16Array {
  const { rows, columns, samples, bytesPerSample } = layout;
  const pixels = rows * columns;
  if (samples === 1) return samplesOf(decodeRleFrame(bytes, pixels, bytesPerSample), layout);
  const width = samples * bytesPerSample;
  // The decoder lays the first plane last, as the most significant byte of a wide number.
  const wide = decodeRleFrame(bytes, pixels, width);
  const out = bytesPerSample === 2 ? new Uint16Array(pixels * samples) : new Uint8Array(pixels * samples);
  for (let i = 0; i < pixels; i++) {
    for (let sample = 0; sample < samples; sample++) {
      const at = i * width + (samples - 1 - sample) * bytesPerSample;
      out[i * samples + sample] = bytesPerSample === 2 ? wide[at]! | (wide[at + 1]! << 8) : wide[at]!;
    }
  }
  return out;
}

async function codecSamples(
  stored: Uint8Array,
  transferSyntaxUid: string,
  layout: Layout,
  refuse: Refuse,
): Promise<Uint8Array | Uint16Array> {
  const decode = CODECS[transferSyntaxUid];
  if (decode === undefined) throw refuse(`transfer syntax ${transferSyntaxUid} is not decoded here`);
  const isRgbJpeg = EIGHT_BIT.has(transferSyntaxUid) && layout.photometric === "RGB";
  const bytes = isRgbJpeg ? markedAsRgb(stored) : unboxedJpeg2000(stored);
  // Looked at first: a damaged header must not make the codec ask for gigabytes.
  const header = readCodestreamHeader(bytes);
  if (header === undefined) throw refuse("the compressed image has no frame header");
  const { columns, rows, components, precision } = header;
  if (columns !== layout.columns || rows !== layout.rows || components !== layout.samples) {
    throw refuse(
      `the compressed image has ${columns} x ${rows} pixels of ${components} samples, the attributes say ` +
        `${layout.columns} x ${layout.rows} of ${layout.samples}`,
    );
  }
  if (precision > 16 || precision > layout.bytesPerSample * 8) throw refuse(`${precision}-bit samples do not fit`);
  if (EIGHT_BIT.has(transferSyntaxUid) && precision !== 8) {
    throw refuse(
      `${precision}-bit JPEG with loss (transfer syntax ${transferSyntaxUid}) is not decoded here, 8-bit is`,
    );
  }
  let image: DecodedImage;
  try {
    image = await decode(bytes);
  } catch (cause) {
    throw refuse("the compressed image is damaged", cause);
  }
  if (image.data.length !== sampleCount(layout)) {
    throw refuse(`${image.data.length} samples came out of the codec, ${sampleCount(layout)} were expected`);
  }
  return image.data;
}

function photometricAfter(layout: Layout, transferSyntaxUid: string): string {
  if (!(transferSyntaxUid in CODECS)) return layout.photometric === "YBR_FULL_422" ? "YBR_FULL" : layout.photometric;
  const isTransformed = layout.photometric.startsWith("YBR");
  // JPEG-LS and lossless JPEG have no colour transform: YBR_FULL stays what it is.
  const undoes = EIGHT_BIT.has(transferSyntaxUid) || /YBR_(ICT|RCT)/.test(layout.photometric);
  return isTransformed && undoes ? "RGB" : layout.photometric;
}

/**
 * The stored values of one frame of an image instance in any common transfer syntax: native of both byte orders, deflated,
 * RLE, JPEG baseline, extended (8-bit) and lossless, JPEG-LS, JPEG 2000 and HTJ2K. Codecs are loaded at their first use.
 * @param frameNumber 1-based.
 * @example
 * const file = readPart10(await readFile("000.dcm"));
 * const { data, columns, rows } = await readFrame(file);
 * @throws RefineError `unsupported-dicom` naming the instance, for damaged data, an unknown layout or transfer syntax.
 */
export async function readFrame(file: DicomFile, frameNumber = 1): Promise<StoredFrame> {
  const { dataset, transferSyntaxUid } = file;
  const sopInstanceUid = textOf(dataset, "SOPInstanceUID") ?? "(unnamed)";
  const refuse: Refuse = (message, cause) =>
    new RefineError("unsupported-dicom", `The pixels of instance ${sopInstanceUid} cannot be read: ${message}.`, {
      hint: "Have the study stored as Explicit VR Little Endian, or fetch the object again from its source.",
      details: { sopInstanceUid, transferSyntaxUid, frameNumber },
      cause,
    });
  const layout = layoutOf(dataset, refuse);
  const index = frameNumber - 1;
  if (!Number.isInteger(index) || index < 0 || index >= layout.frameCount) {
    throw refuse(`frame ${frameNumber} of ${layout.frameCount} was asked for`);
  }
  const pixels = dataset.PixelData;
  let samples: Uint8Array | Uint16Array;
  if (pixels instanceof Uint8Array) samples = nativeSamples(pixels, index, layout, refuse);
  else if (typeof pixels === "object" && pixels !== null) {
    const table = dataset.ExtendedOffsetTable;
    const bytes = framesOfFragments(pixels as EncapsulatedPixels, layout.frameCount, table)[index]!;
    if (transferSyntaxUid === RLE_LOSSLESS) samples = rleSamples(bytes, layout);
    else if (transferSyntaxUid === DEFLATED_IMAGE_FRAME) {
      const size = sampleCount(layout) * layout.bytesPerSample;
      samples = nativeSamples(inflateBounded(bytes, size + 1), 0, layout, refuse);
    } else samples = await codecSamples(bytes, transferSyntaxUid, layout, refuse);
  } else throw refuse("it has no pixel data");
  return {
    columns: layout.columns,
    rows: layout.rows,
    samplesPerPixel: layout.samples,
    photometricInterpretation: photometricAfter(layout, transferSyntaxUid),
    data: storedValues(samples, layout),
  };
}

/** Bits above Bits Stored may hold overlays of old; two's complement within Bits Stored is undone by hand. */
function storedValues(samples: Uint8Array | Uint16Array, { bitsStored, isSigned }: Layout): Int32Array {
  const mask = 2 ** bitsStored - 1;
  const sign = isSigned ? 2 ** (bitsStored - 1) : 0;
  const values = new Int32Array(samples.length);
  for (let i = 0; i < values.length; i++) {
    const bits = samples[i]! & mask;
    values[i] = isSigned && bits >= sign ? bits - 2 * sign : bits;
  }
  return values;
}
