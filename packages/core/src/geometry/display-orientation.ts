import type { PixelArray, Volume } from "../image/image.ts";
import type { Affine3D, VolumeGeometry } from "./geometry.ts";

/** Which index axes of a volume run backwards. */
export type AxisFlips = readonly [i: boolean, j: boolean, k: boolean];

/**
 * Which axes to reverse so that the slices of a volume look as a scanner stores them and a viewer shows them: within a slice
 * indices run to the patient's left, to posterior or to inferior, whichever is nearest, and slices follow each other along
 * the normal (column direction x row direction), as DICOM series are sorted. Axes are never exchanged, so a volume of
 * sagittal slices stays one. A network must see its training slices the way up that it will see a study's: NIfTI files
 * mostly store axial slices with anterior last, DICOM stores them with anterior first.
 */
export function displayFlips({ indexToPatient: m }: VolumeGeometry): AxisFlips {
  const direction = (axis: 0 | 1 | 2): Vector => [m[axis], m[4 + axis] as number, m[8 + axis] as number];
  const towards = (axis: 0 | 1): readonly [isFlipped: boolean, direction: Vector] => {
    const own = direction(axis);
    const [x, y, z] = own.map(Math.abs) as [number, number, number];
    const isFlipped = z > Math.max(x, y) ? own[2] > 0 : (x >= y ? own[0] : own[1]) < 0;
    return [isFlipped, isFlipped ? [-own[0], -own[1], -own[2]] : own];
  };
  const [flipI, [ix, iy, iz]] = towards(0);
  const [flipJ, [jx, jy, jz]] = towards(1);
  const [kx, ky, kz] = direction(2);
  const alongNormal = kx * (iy * jz - iz * jy) + ky * (iz * jx - ix * jz) + kz * (ix * jy - iy * jx);
  return [flipI, flipJ, alongNormal < 0];
}

/** LPS millimetres per step of an index. */
type Vector = readonly [x: number, y: number, z: number];

/** The same voxels at the same places, counted backwards along some axes. Done twice it is as it was. */
export function flipVolume<P extends PixelArray>(volume: Volume<P>, flips: AxisFlips): Volume<P> {
  if (!flips.includes(true)) return volume;
  const { size } = volume.geometry;
  return { geometry: flipGeometry(volume.geometry, flips), data: flipVoxels(volume.data, size, flips) };
}

function flipGeometry(geometry: VolumeGeometry, flips: AxisFlips): VolumeGeometry {
  const matrix: number[] = [...geometry.indexToPatient];
  for (const [axis, isFlipped] of flips.entries()) {
    if (!isFlipped) continue;
    for (const row of [0, 4, 8]) {
      const step = matrix[row + axis] as number;
      matrix[row + 3] = (matrix[row + 3] as number) + step * ((geometry.size[axis] as number) - 1);
      matrix[row + axis] = 0 - step;
    }
  }
  return { ...geometry, indexToPatient: matrix as unknown as Affine3D };
}

/** @param data [k][j][i] of `size` [i, j, k]. */
export function flipVoxels<P extends PixelArray>(data: P, size: VolumeGeometry["size"], flips: AxisFlips): P {
  const [columns, rows, slices] = size;
  const result = data.slice() as P;
  for (let k = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      const source = ((flips[2] ? slices - 1 - k : k) * rows + (flips[1] ? rows - 1 - j : j)) * columns;
      const line = data.subarray(source, source + columns);
      result.set(line, (k * rows + j) * columns);
      if (flips[0]) result.subarray((k * rows + j) * columns, (k * rows + j + 1) * columns).reverse();
    }
  }
  return result;
}
