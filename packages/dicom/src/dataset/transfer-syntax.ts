export const IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2";
export const EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1";
export const DEFLATED_EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99";
export const EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2";
export const RLE_LOSSLESS = "1.2.840.10008.1.2.5";
/** One zlib-free DEFLATE stream per frame (PS3.5 A.4.13, since 2024). */
export const DEFLATED_IMAGE_FRAME = "1.2.840.10008.1.2.8.1";

export interface TransferSyntax {
  readonly uid: string;
  readonly isExplicit: boolean;
  readonly isLittleEndian: boolean;
  readonly isDeflated: boolean;
  /** Pixel data comes as fragments. */
  readonly isEncapsulated: boolean;
}

/** How the data set of a transfer syntax is laid out (PS3.5 A); undefined for one that is not of this family. */
export function transferSyntaxOf(uid: string): TransferSyntax | undefined {
  const plain = { uid, isExplicit: true, isLittleEndian: true, isDeflated: false, isEncapsulated: false };
  if (uid === IMPLICIT_LITTLE_ENDIAN) return { ...plain, isExplicit: false };
  if (uid === EXPLICIT_LITTLE_ENDIAN) return plain;
  if (uid === DEFLATED_EXPLICIT_LITTLE_ENDIAN) return { ...plain, isDeflated: true };
  if (uid === EXPLICIT_BIG_ENDIAN) return { ...plain, isLittleEndian: false };
  if (uid === RLE_LOSSLESS || uid === DEFLATED_IMAGE_FRAME || /^1\.2\.840\.10008\.1\.2\.4\.\d+$/.test(uid)) {
    return { ...plain, isEncapsulated: true };
  }
  return undefined;
}
