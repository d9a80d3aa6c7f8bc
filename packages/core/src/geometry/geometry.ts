/**
 * Frames. Pixel (0, 0) is the CENTRE of the first pixel; x = column, y = row, row-major storage.
 * The patient frame is DICOM LPS in millimetres.
 */
export interface ImageGeometry {
  readonly columns: number;
  readonly rows: number;
  /** Absent when the image carries no calibrated spacing (most projection radiographs). */
  readonly spacingMm?: { readonly x: number; readonly y: number };
}

/** Row-major 4 x 4 matrix; the last row is 0 0 0 1. */
export type Affine3D = readonly [
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
  number,
  number,
  number,
  number,
];

/** Geometry without voxels. */
export interface VolumeGeometry {
  /** [i, j, k]: i = column, fastest in memory; j = row; k = slice. */
  readonly size: readonly [i: number, j: number, k: number];
  /** Maps the index of a voxel's centre to LPS millimetres. */
  readonly indexToPatient: Affine3D;
  readonly frameOfReferenceUid?: string;
}
