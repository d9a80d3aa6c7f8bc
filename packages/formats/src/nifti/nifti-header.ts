import { type Affine3D, RefineError } from "@samrefine/core";

/** NIfTI-1 `datatype` codes that hold one real number per voxel. */
export type NiftiDatatype =
  | "uint8"
  | "int16"
  | "int32"
  | "float32"
  | "float64"
  | "int8"
  | "uint16"
  | "uint32"
  | "int64"
  | "uint64";

interface DatatypeEntry {
  readonly code: number;
  readonly bytes: number;
}

export const niftiDatatypes: Readonly<Record<NiftiDatatype, DatatypeEntry>> = {
  uint8: { code: 2, bytes: 1 },
  int16: { code: 4, bytes: 2 },
  int32: { code: 8, bytes: 4 },
  float32: { code: 16, bytes: 4 },
  float64: { code: 64, bytes: 8 },
  int8: { code: 256, bytes: 1 },
  uint16: { code: 512, bytes: 2 },
  uint32: { code: 768, bytes: 4 },
  int64: { code: 1024, bytes: 8 },
  uint64: { code: 1280, bytes: 8 },
};

/** The fixed part of a NIfTI-1 file, in bytes. Four bytes of extension flags follow in single files. */
export const NIFTI_HEADER_BYTES = 348;
export const NIFTI_VOXEL_OFFSET = 352;

/** What the header says, translated into our frame. */
export interface NiftiHeader {
  readonly littleEndian: boolean;
  readonly datatype: NiftiDatatype;
  readonly size: readonly [i: number, j: number, k: number];
  /** Where the voxels start in the uncompressed file. */
  readonly voxelOffset: number;
  /** Stored value * slope + intercept = value. Slope is 1 when the header says 0. */
  readonly slope: number;
  readonly intercept: number;
  /** Which of the header's three ways gave the affine (NIfTI-1 "orientation information"). */
  readonly orientation: "sform" | "qform" | "pixdim";
  /** Index of a voxel's centre to DICOM LPS millimetres (NIfTI itself is RAS). */
  readonly indexToPatient: Affine3D;
}

/**
 * Reads the 348 bytes of a NIfTI-1 header (single file, "n+1"). sform wins over qform, as in nibabel; without both the
 * voxel sizes alone give an axis-aligned RAS grid (method 1 of the standard).
 * @param bytes uncompressed, at least 348 bytes.
 * @throws RefineError `invalid-format` for anything that is not a readable three-dimensional scalar NIfTI-1 file.
 * @see https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
 */
export function parseNiftiHeader(bytes: Uint8Array): NiftiHeader {
  if (bytes.length < NIFTI_HEADER_BYTES) {
    throw invalidNifti(`it holds ${bytes.length} bytes, a header alone needs ${NIFTI_HEADER_BYTES}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const littleEndian = view.getInt32(0, true) === NIFTI_HEADER_BYTES;
  if (!littleEndian && view.getInt32(0, false) !== NIFTI_HEADER_BYTES) {
    if (view.getInt32(0, true) === 540 || view.getInt32(0, false) === 540) {
      throw invalidNifti("it is NIfTI-2; only NIfTI-1 is read");
    }
    throw invalidNifti(`the header size is ${view.getInt32(0, true)}, not ${NIFTI_HEADER_BYTES}`);
  }
  const magic = String.fromCharCode(...bytes.subarray(344, 347));
  if (magic !== "n+1") {
    throw invalidNifti(
      magic === "ni1" ? "it is a .hdr/.img pair; only single files are read" : `its magic is "${magic}", not "n+1"`,
    );
  }
  const int16 = (offset: number): number => view.getInt16(offset, littleEndian);
  const float32 = (offset: number): number => view.getFloat32(offset, littleEndian);

  const code = int16(70);
  const datatype = (Object.keys(niftiDatatypes) as NiftiDatatype[]).find((name) => niftiDatatypes[name].code === code);
  if (datatype === undefined) {
    throw invalidNifti(`its datatype code is ${code}; read are ${Object.keys(niftiDatatypes).join(", ")}`);
  }
  const size = readSize(int16);
  const voxelOffset = float32(108);
  if (!(voxelOffset >= NIFTI_VOXEL_OFFSET) || !Number.isSafeInteger(voxelOffset)) {
    throw invalidNifti(`its voxel offset is ${voxelOffset}, at least ${NIFTI_VOXEL_OFFSET} is needed`);
  }
  const rawSlope = float32(112);
  const rawIntercept = float32(116);
  const isScaled = rawSlope !== 0 && Number.isFinite(rawSlope) && Number.isFinite(rawIntercept);
  const unitMm = millimetresPerUnit(bytes[123]! & 7);
  const { orientation, ras } = readOrientation(int16, float32);
  return {
    littleEndian,
    datatype,
    size,
    voxelOffset,
    slope: isScaled ? rawSlope : 1,
    intercept: isScaled ? rawIntercept : 0,
    orientation,
    indexToPatient: rasToLps(ras, unitMm),
  };
}

/** Row-major 3 x 4 part of an affine in RAS. */
export type RasMatrix = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

function readSize(int16: (offset: number) => number): readonly [number, number, number] {
  const dimensions = int16(40);
  if (dimensions < 1 || dimensions > 7) throw invalidNifti(`it has ${dimensions} dimensions, 1 to 7 are possible`);
  const sizes: number[] = [];
  for (let axis = 1; axis <= dimensions; axis++) sizes.push(int16(40 + 2 * axis));
  if (sizes.some((n) => n < 1)) throw invalidNifti(`its dimensions are ${sizes.join(" x ")}, each must be positive`);
  if (sizes.slice(3).some((n) => n > 1)) {
    throw invalidNifti(`its dimensions are ${sizes.join(" x ")}; only one volume per file is read`);
  }
  return [sizes[0]!, sizes[1] ?? 1, sizes[2] ?? 1];
}

function millimetresPerUnit(code: number): number {
  if (code === 1) return 1000;
  if (code === 3) return 0.001;
  return 1;
}

function readOrientation(
  int16: (offset: number) => number,
  float32: (offset: number) => number,
): { readonly orientation: NiftiHeader["orientation"]; readonly ras: RasMatrix } {
  if (int16(254) > 0) {
    const ras = Array.from({ length: 12 }, (_, n) => float32(280 + 4 * n)) as unknown as RasMatrix;
    return { orientation: "sform", ras: checkAffine(ras) };
  }
  const zooms = [1, 2, 3].map((axis) => {
    const zoom = Math.abs(float32(76 + 4 * axis));
    return zoom > 0 && Number.isFinite(zoom) ? zoom : 1;
  }) as [number, number, number];
  if (int16(252) > 0) {
    const ras = quaternionToRas({
      b: float32(256),
      c: float32(260),
      d: float32(264),
      offset: [float32(268), float32(272), float32(276)],
      zooms,
      // pixdim[0] = -1 flips the third axis; 0 counts as 1.
      handedness: float32(76) < 0 ? -1 : 1,
    });
    return { orientation: "qform", ras: checkAffine(ras) };
  }
  return { orientation: "pixdim", ras: [zooms[0], 0, 0, 0, 0, zooms[1], 0, 0, 0, 0, zooms[2], 0] };
}

export interface NiftiQuaternion {
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly offset: readonly [number, number, number];
  readonly zooms: readonly [number, number, number];
  readonly handedness: 1 | -1;
}

/** Method 2 of the standard: unit quaternion (a is implied), voxel sizes and the handedness `qfac`. */
export function quaternionToRas({ b, c, d, offset, zooms, handedness }: NiftiQuaternion): RasMatrix {
  const squares = b * b + c * c + d * d;
  // A rounded quaternion may exceed unit length; it is then a half turn and is normalised, as in nifti1_io.c.
  const norm = squares > 1 ? Math.sqrt(squares) : 1;
  const [x, y, z] = [b / norm, c / norm, d / norm];
  const a = Math.sqrt(Math.max(0, 1 - (x * x + y * y + z * z)));
  const [dx, dy] = zooms;
  const dz = zooms[2] * handedness;
  return [
    (a * a + x * x - y * y - z * z) * dx,
    2 * (x * y - a * z) * dy,
    2 * (x * z + a * y) * dz,
    offset[0],
    2 * (x * y + a * z) * dx,
    (a * a + y * y - x * x - z * z) * dy,
    2 * (y * z - a * x) * dz,
    offset[1],
    2 * (x * z - a * y) * dx,
    2 * (y * z + a * x) * dy,
    (a * a + z * z - y * y - x * x) * dz,
    offset[2],
  ];
}

function checkAffine(ras: RasMatrix): RasMatrix {
  const determinant =
    ras[0] * (ras[5] * ras[10] - ras[6] * ras[9]) -
    ras[1] * (ras[4] * ras[10] - ras[6] * ras[8]) +
    ras[2] * (ras[4] * ras[9] - ras[5] * ras[8]);
  if (!ras.every(Number.isFinite) || determinant === 0) {
    throw invalidNifti(`its affine [${ras.join(", ")}] is singular or not finite`);
  }
  return ras;
}

/** RAS -> LPS: the first two rows change sign. Exact, because only signs change when the unit is the millimetre. */
function rasToLps(ras: RasMatrix, unitMm: number): Affine3D {
  const negative = (value: number): number => (value === 0 ? 0 : -value * unitMm);
  const positive = (value: number): number => value * unitMm;
  return [
    negative(ras[0]),
    negative(ras[1]),
    negative(ras[2]),
    negative(ras[3]),
    negative(ras[4]),
    negative(ras[5]),
    negative(ras[6]),
    negative(ras[7]),
    positive(ras[8]),
    positive(ras[9]),
    positive(ras[10]),
    positive(ras[11]),
    0,
    0,
    0,
    1,
  ];
}

/** The `invalid-format` error of this format; `reason` continues "The NIfTI file cannot be read:". */
export function invalidNifti(reason: string): RefineError {
  return new RefineError("invalid-format", `The NIfTI file cannot be read: ${reason}.`, {
    hint: "Convert it to a single-file NIfTI-1 volume (.nii or .nii.gz) with real scalar voxels.",
  });
}
