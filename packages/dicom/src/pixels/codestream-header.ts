/** What a compressed image says about itself, before anything is unpacked. */
export interface CodestreamHeader {
  readonly columns: number;
  readonly rows: number;
  readonly components: number;
  /** Bits of the first component. */
  readonly precision: number;
}

/** SOF markers of all JPEG processes and of JPEG-LS (F7); C4, C8 and CC mean something else. */
function isFrameMarker(marker: number): boolean {
  return marker === 0xf7 || (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc);
}

function headerOfJpeg(view: DataView): CodestreamHeader | undefined {
  let at = 2;
  while (at + 10 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) return undefined;
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    if (isFrameMarker(marker)) {
      return {
        precision: view.getUint8(at + 4),
        rows: view.getUint16(at + 5),
        columns: view.getUint16(at + 7),
        components: view.getUint8(at + 9),
      };
    }
    const length = view.getUint16(at + 2);
    if (length < 2) return undefined;
    at += 2 + length;
  }
  return undefined;
}

function headerOfJpeg2000(view: DataView): CodestreamHeader | undefined {
  if (view.byteLength < 43) return undefined;
  return {
    columns: view.getUint32(8) - view.getUint32(16),
    rows: view.getUint32(12) - view.getUint32(20),
    components: view.getUint16(40),
    precision: (view.getUint8(42) & 0x7f) + 1,
  };
}

/**
 * Reads the frame header of a JPEG or JPEG-LS stream (ISO 10918-1 B.2.2, ISO 14495-1 C.2.2) or the SIZ segment of a
 * JPEG 2000 or HTJ2K codestream (ISO 15444-1 A.5.1); undefined when there is none.
 */
export function readCodestreamHeader(bytes: Uint8Array): CodestreamHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.byteLength < 12) return undefined;
  if (view.getUint16(0) === 0xffd8) return headerOfJpeg(view);
  if (view.getUint32(0) === 0xff4fff51) return headerOfJpeg2000(view);
  return undefined;
}
