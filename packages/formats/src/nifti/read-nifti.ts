import type { PixelArray, Volume } from "@samrefine/core";
import { copyBytes } from "../copy-bytes.ts";
import { inflateGzip, isGzip } from "../gzip.ts";
import {
  invalidNifti,
  type NiftiDatatype,
  type NiftiHeader,
  niftiDatatypes,
  parseNiftiHeader,
} from "./nifti-header.ts";

export interface NiftiFile {
  readonly header: NiftiHeader;
  /** Values after slope and intercept, in the header's geometry. */
  readonly volume: Volume;
}

/**
 * Reads a NIfTI-1 volume (.nii, or .nii.gz, told apart by content). Integer voxels without scaling keep their type
 * (64-bit ones become Int32Array where all fit, Float32Array otherwise); float64 and scaled voxels become Float32Array.
 * @throws RefineError `invalid-format`.
 */
export function readNifti(bytes: Uint8Array): NiftiFile {
  const file = isGzip(bytes) ? inflateGzip(bytes) : bytes;
  const header = parseNiftiHeader(file);
  const count = header.size[0] * header.size[1] * header.size[2];
  const { bytes: voxelBytes } = niftiDatatypes[header.datatype];
  const available = file.length - header.voxelOffset;
  if (available < count * voxelBytes) {
    throw invalidNifti(
      `${header.size.join(" x ")} ${header.datatype} voxels need ${count * voxelBytes} bytes after the header, ` +
        `${Math.max(0, available)} are there`,
    );
  }
  const raw = copyBytes(file, header.voxelOffset, header.voxelOffset + count * voxelBytes);
  if (!header.littleEndian) swapBytes(raw, voxelBytes);
  const stored = viewVoxels(raw.buffer, header.datatype);
  const data = header.slope === 1 && header.intercept === 0 ? stored : rescale(stored, header.slope, header.intercept);
  return { header, volume: { geometry: { size: header.size, indexToPatient: header.indexToPatient }, data } };
}

function viewVoxels(buffer: ArrayBuffer, datatype: NiftiDatatype): PixelArray {
  switch (datatype) {
    case "uint8":
      return new Uint8Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return Float32Array.from(new Float64Array(buffer));
    case "int64":
      return narrow(new BigInt64Array(buffer));
    case "uint64":
      return narrow(new BigUint64Array(buffer));
  }
}

function narrow(values: BigInt64Array | BigUint64Array): Int32Array | Float32Array {
  const integers = new Int32Array(values.length);
  for (let n = 0; n < values.length; n++) {
    const value = Number(values[n]!);
    if (value < -0x80000000 || value > 0x7fffffff) return Float32Array.from(values, Number);
    integers[n] = value;
  }
  return integers;
}

function rescale(stored: PixelArray, slope: number, intercept: number): Float32Array {
  const data = new Float32Array(stored.length);
  for (let n = 0; n < data.length; n++) data[n] = stored[n]! * slope + intercept;
  return data;
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let start = 0; start + width <= bytes.length; start += width) bytes.subarray(start, start + width).reverse();
}
