import { type PixelArray, RefineError, type Volume } from "@samrefine/core";
import { deflateGzip } from "../gzip.ts";
import { NIFTI_VOXEL_OFFSET, type NiftiDatatype, niftiDatatypes } from "./nifti-header.ts";

export interface WriteNiftiOptions {
  /** Default true: .nii.gz. */
  readonly gzip?: boolean;
  /** Header field of 79 ASCII characters at most; never patient data. Default "SAM Refine". */
  readonly description?: string;
}

/**
 * Writes a single-file NIfTI-1 volume, little endian, millimetres. The affine goes into sform (float32, so a value that
 * float32 holds comes back exactly) and, where its axes are orthogonal, into qform as well; LPS becomes RAS by changing
 * two signs.
 * @throws RefineError `invalid-geometry` for a size outside 1..32767 or an affine that is not invertible, `shape-mismatch`
 * when the voxels do not fill the geometry.
 */
export function writeNifti(volume: Volume, options: WriteNiftiOptions = {}): Uint8Array {
  const { size, indexToPatient: m } = volume.geometry;
  if (size.some((n) => !Number.isInteger(n) || n < 1 || n > 0x7fff)) {
    throw new RefineError(
      "invalid-geometry",
      `NIfTI-1 cannot hold ${size.join(" x ")} voxels; an axis has 1 to 32767.`,
      {
        hint: "Split the volume, or write NRRD.",
      },
    );
  }
  const count = size[0] * size[1] * size[2];
  if (volume.data.length !== count) {
    throw new RefineError(
      "shape-mismatch",
      `${size.join(" x ")} needs ${count} voxels, ${volume.data.length} are given.`,
    );
  }
  const datatype = datatypeOf(volume.data);
  const { code, bytes: voxelBytes } = niftiDatatypes[datatype];
  const file = new Uint8Array(NIFTI_VOXEL_OFFSET + count * voxelBytes);
  const view = new DataView(file.buffer);
  const int16 = (offset: number, value: number): void => view.setInt16(offset, value, true);
  const float32 = (offset: number, value: number): void => view.setFloat32(offset, value, true);

  view.setInt32(0, 348, true);
  file[38] = "r".charCodeAt(0);
  [3, ...size, 1, 1, 1, 1].forEach((value, index) => {
    int16(40 + 2 * index, value);
  });
  int16(70, code);
  int16(72, 8 * voxelBytes);
  float32(108, NIFTI_VOXEL_OFFSET);
  float32(112, 1);
  file[123] = 2;
  writeText(file, 148, options.description ?? "SAM Refine", 79);
  writeText(file, 344, "n+1", 3);

  const ras = [-m[0], -m[1], -m[2], -m[3], -m[4], -m[5], -m[6], -m[7], m[8], m[9], m[10], m[11]].map(
    (value) => value + 0,
  );
  const zooms = [0, 1, 2].map((column) => Math.hypot(ras[column]!, ras[4 + column]!, ras[8 + column]!));
  const determinant = determinant3(ras);
  if (!ras.every(Number.isFinite) || determinant === 0) {
    throw new RefineError("invalid-geometry", `The affine [${m.join(", ")}] is singular or not finite.`);
  }
  const handedness = determinant < 0 ? -1 : 1;
  float32(76, handedness);
  zooms.forEach((zoom, axis) => {
    float32(80 + 4 * axis, zoom);
  });
  const quaternion = quaternionOf(ras, zooms, handedness);
  if (quaternion !== undefined) {
    int16(252, 1);
    quaternion.forEach((value, index) => {
      float32(256 + 4 * index, value);
    });
    [3, 7, 11].forEach((index, axis) => {
      float32(268 + 4 * axis, ras[index]!);
    });
  }
  int16(254, 1);
  ras.forEach((value, index) => {
    float32(280 + 4 * index, value);
  });

  const { data } = volume;
  file.set(littleEndianBytes(data), NIFTI_VOXEL_OFFSET);
  return options.gzip === false ? file : deflateGzip(file);
}

function datatypeOf(data: PixelArray): NiftiDatatype {
  if (data instanceof Uint8Array) return "uint8";
  if (data instanceof Int8Array) return "int8";
  if (data instanceof Uint16Array) return "uint16";
  if (data instanceof Int16Array) return "int16";
  if (data instanceof Uint32Array) return "uint32";
  if (data instanceof Int32Array) return "int32";
  return "float32";
}

/** Typed arrays are little endian on every platform that runs JavaScript engines of today. */
function littleEndianBytes(data: PixelArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

function writeText(file: Uint8Array, offset: number, text: string, maximum: number): void {
  for (let n = 0; n < Math.min(text.length, maximum); n++) file[offset + n] = text.charCodeAt(n) & 0x7f;
}

function determinant3(ras: readonly number[]): number {
  const [a, b, c, , d, e, f, , g, h, i] = ras as readonly number[] & { readonly length: 12 };
  return a! * (e! * i! - f! * h!) - b! * (d! * i! - f! * g!) + c! * (d! * h! - e! * g!);
}

/**
 * Unit quaternion (b, c, d) of the rotation in the affine, or undefined when the axes are not orthogonal (a sheared grid,
 * which qform cannot say). Largest-component branch of nifti1_io.c, so that the square roots stay well away from zero.
 */
function quaternionOf(ras: readonly number[], zooms: readonly number[], handedness: number): number[] | undefined {
  const r = (row: number, column: number): number =>
    (ras[4 * row + column]! / zooms[column]!) * (column === 2 ? handedness : 1);
  for (const [p, q] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    if (Math.abs(r(0, p) * r(0, q) + r(1, p) * r(1, q) + r(2, p) * r(2, q)) > 1e-5) return undefined;
  }
  const trace = r(0, 0) + r(1, 1) + r(2, 2) + 1;
  if (trace > 0.5) {
    const a = 0.5 * Math.sqrt(trace);
    return [(r(2, 1) - r(1, 2)) / (4 * a), (r(0, 2) - r(2, 0)) / (4 * a), (r(1, 0) - r(0, 1)) / (4 * a)];
  }
  const xd = 1 + r(0, 0) - (r(1, 1) + r(2, 2));
  const yd = 1 + r(1, 1) - (r(0, 0) + r(2, 2));
  const zd = 1 + r(2, 2) - (r(0, 0) + r(1, 1));
  let a: number;
  let vector: number[];
  if (xd > 1) {
    const b = 0.5 * Math.sqrt(xd);
    vector = [b, (r(0, 1) + r(1, 0)) / (4 * b), (r(0, 2) + r(2, 0)) / (4 * b)];
    a = (r(2, 1) - r(1, 2)) / (4 * b);
  } else if (yd > 1) {
    const c = 0.5 * Math.sqrt(yd);
    vector = [(r(0, 1) + r(1, 0)) / (4 * c), c, (r(1, 2) + r(2, 1)) / (4 * c)];
    a = (r(0, 2) - r(2, 0)) / (4 * c);
  } else {
    const d = 0.5 * Math.sqrt(zd);
    vector = [(r(0, 2) + r(2, 0)) / (4 * d), (r(1, 2) + r(2, 1)) / (4 * d), d];
    a = (r(1, 0) - r(0, 1)) / (4 * d);
  }
  return a < 0 ? vector.map((value) => -value) : vector;
}
