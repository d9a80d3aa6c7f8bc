const JP2_SIGNATURE = 0x6a502020; // "jP  " in the first box
const CODESTREAM_BOX = 0x6a703263; // "jp2c"

/** The codestream of a whole .jp2 file (ISO 15444-1 annex I), which some writers store as a frame; others as they are. */
export function unboxedJpeg2000(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 12 || view.getUint32(0) !== 12 || view.getUint32(4) !== JP2_SIGNATURE) return bytes;
  for (let at = 0; at + 8 <= bytes.byteLength; ) {
    const length = view.getUint32(at);
    if (view.getUint32(at + 4) === CODESTREAM_BOX) {
      // 0 = up to the end.
      return bytes.subarray(at + 8, length === 0 ? undefined : Math.min(at + length, bytes.byteLength));
    }
    // 0 and 1 (a 64-bit length) stand for boxes larger than any header box is.
    if (length < 8) break;
    at += length;
  }
  return bytes;
}

/** APP14 of Adobe with transform 0: the components are what they are (ISO 10918-6 6.5.3). */
const NO_TRANSFORM = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0] as const;

/**
 * A JPEG of three components without JFIF and Adobe markers says nothing of its colours, and codecs then take it for YCbCr.
 * Where DICOM says RGB, the marker that says so is put in.
 */
export function markedAsRgb(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 4 || view.getUint16(0) !== 0xffd8) return bytes;
  for (let at = 2; at + 4 <= bytes.byteLength && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1];
    if (marker === 0xe0 || marker === 0xee) return bytes;
    if (marker === 0xda) break;
    at += 2 + view.getUint16(at + 2);
  }
  const marked = new Uint8Array(bytes.byteLength + NO_TRANSFORM.length);
  marked.set(bytes.subarray(0, 2));
  marked.set(NO_TRANSFORM, 2);
  marked.set(bytes.subarray(2), 2 + NO_TRANSFORM.length);
  return marked;
}
