import { RefineError } from "@samrefine/core";
import { zlibSync } from "fflate";

export interface GreyImage {
  readonly columns: number;
  readonly rows: number;
  /** Row-major. */
  readonly data: Uint8Array | Uint16Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const;

/** Table of the CRC of ISO 3309, as PNG uses it (annex D). */
const CRC_TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crcOf(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(content.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crcOf(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

/**
 * Writes a greyscale PNG (ISO 15948), 8 or 16 bits by the type of the data; values come back as they are.
 * @throws RefineError `shape-mismatch` when the data does not fill the image.
 */
export function writeGreyPng({ columns, rows, data }: GreyImage): Uint8Array {
  if (data.length !== columns * rows || columns < 1 || rows < 1) {
    throw new RefineError("shape-mismatch", `${data.length} pixels do not fill ${columns} x ${rows}.`);
  }
  const bytesPerPixel = data instanceof Uint16Array ? 2 : 1;
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, columns);
  view.setUint32(4, rows);
  header[8] = bytesPerPixel * 8;
  // Every line begins with its filter; label maps pack best without one.
  const lines = new Uint8Array(rows * (1 + columns * bytesPerPixel));
  for (let y = 0, at = 0; y < rows; y++) {
    at++;
    for (let x = 0; x < columns; x++) {
      const value = data[y * columns + x]!;
      if (bytesPerPixel === 2) lines[at++] = value >> 8;
      lines[at++] = value & 0xff;
    }
  }
  const parts = [
    Uint8Array.from(SIGNATURE),
    chunk("IHDR", header),
    chunk("IDAT", zlibSync(lines)),
    chunk("IEND", new Uint8Array(0)),
  ];
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
