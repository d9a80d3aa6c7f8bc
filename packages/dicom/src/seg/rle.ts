import { RefineError } from "@samrefine/core";

const HEADER_BYTES = 64;

/** One plane of bytes by PackBits as PS3.5 G.3.1 defines it; every row is encoded by itself (G.3). */
function packBits(plane: Uint8Array, columns: number): Uint8Array {
  const out: number[] = [];
  for (let row = 0; row < plane.byteLength; row += columns) {
    const end = row + columns;
    let at = row;
    while (at < end) {
      let run = 1;
      while (run < 128 && at + run < end && plane[at + run] === plane[at]) run++;
      if (run >= 2) {
        out.push(257 - run, plane[at]!);
        at += run;
        continue;
      }
      let literal = 1;
      while (literal < 128 && at + literal < end && plane[at + literal] !== plane[at + literal + 1]) literal++;
      literal = Math.min(literal, end - at);
      out.push(literal - 1);
      for (let i = 0; i < literal; i++) out.push(plane[at + i]!);
      at += literal;
    }
  }
  if (out.length % 2 === 1) out.push(0);
  return Uint8Array.from(out);
}

/**
 * One frame in RLE Lossless (PS3.5 annex G). `frame` holds 8 or 16-bit pixels, row-major; the byte planes of 16-bit
 * pixels go from the most to the least significant.
 */
export function encodeRleFrame(frame: Uint8Array | Uint16Array, columns: number): Uint8Array {
  const planes =
    frame instanceof Uint8Array
      ? [frame]
      : [Uint8Array.from(frame, (value) => value >> 8), Uint8Array.from(frame, (value) => value & 0xff)];
  const segments = planes.map((plane) => packBits(plane, columns));
  const total = segments.reduce((sum, segment) => sum + segment.byteLength, HEADER_BYTES);
  const out = new Uint8Array(total);
  const view = new DataView(out.buffer);
  view.setUint32(0, segments.length, true);
  let at = HEADER_BYTES;
  segments.forEach((segment, index) => {
    view.setUint32(4 + index * 4, at, true);
    out.set(segment, at);
    at += segment.byteLength;
  });
  return out;
}

/**
 * The inverse: `pixels` values of `bytesPerPixel` bytes (1 to 6: colour has a plane per byte of every sample), the last
 * plane of the file first, which for one sample means the least significant byte first.
 * @throws RefineError `unsupported-dicom` when the frame does not hold exactly what it must.
 */
export function decodeRleFrame(bytes: Uint8Array, pixels: number, bytesPerPixel: number): Uint8Array {
  const refuse = (message: string): RefineError =>
    new RefineError("unsupported-dicom", `An RLE frame is damaged: ${message}`, {
      hint: "Fetch the object again from its source.",
      details: { byteLength: bytes.byteLength },
    });
  if (bytes.byteLength < HEADER_BYTES) throw refuse("its header is cut off.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  if (count !== bytesPerPixel) throw refuse(`${count} segments, ${bytesPerPixel} expected.`);
  // A run of two bytes makes 128 pixels at most: a frame that claims more is lying, and must not be allocated.
  if (pixels > bytes.byteLength * 64) throw refuse(`${bytes.byteLength} bytes cannot hold ${pixels} pixels.`);
  const out = new Uint8Array(pixels * bytesPerPixel);
  for (let segment = 0; segment < count; segment++) {
    const start = view.getUint32(4 + segment * 4, true);
    const end = segment + 1 < count ? view.getUint32(8 + segment * 4, true) : bytes.byteLength;
    if (start < HEADER_BYTES || end > bytes.byteLength || start > end)
      throw refuse("a segment lies outside the frame.");
    const byteInPixel = count - 1 - segment;
    let written = 0;
    let at = start;
    while (at < end && written < pixels) {
      const control = bytes[at++]!;
      if (control === 128) continue;
      const length = control < 128 ? control + 1 : 257 - control;
      if (written + length > pixels) throw refuse("a run goes beyond the frame.");
      if (at + (control < 128 ? length : 1) > end) throw refuse("a run is cut off.");
      for (let i = 0; i < length; i++) {
        out[(written + i) * bytesPerPixel + byteInPixel] = bytes[control < 128 ? at + i : at]!;
      }
      written += length;
      at += control < 128 ? length : 1;
    }
    if (written < pixels) throw refuse(`${written} of ${pixels} pixels.`);
  }
  return out;
}
