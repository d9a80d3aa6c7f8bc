import type { Affine3D, PixelArray, VolumeGeometry } from "@samrefine/core";
import fc from "fast-check";

/** Random oblique, anisotropic, possibly left-handed or sheared grids; every number is a float32, as files hold them. */
export function geometries(options: { readonly sheared: boolean }): fc.Arbitrary<VolumeGeometry> {
  const angle = fc.double({ min: -Math.PI, max: Math.PI, noNaN: true });
  const spacing = fc.double({ min: 0.05, max: 12, noNaN: true });
  const position = fc.double({ min: -900, max: 900, noNaN: true });
  const axis = fc.integer({ min: 1, max: 7 });
  return fc
    .record({
      angles: fc.tuple(angle, angle, angle),
      spacing: fc.tuple(spacing, spacing, spacing),
      origin: fc.tuple(position, position, position),
      size: fc.tuple(axis, axis, axis),
      mirrored: fc.boolean(),
      shear: options.sheared ? fc.double({ min: -0.4, max: 0.4, noNaN: true }) : fc.constant(0),
    })
    .map(({ angles, spacing: [sx, sy, sz], origin, size, mirrored, shear }) => {
      const [[a, b, c], [d, e, f], [g, h, i]] = rotation(angles);
      const z = mirrored ? -sz : sz;
      const affine = [
        ...[a * sx, b * sy + shear * a, c * z, origin[0]],
        ...[d * sx, e * sy + shear * d, f * z, origin[1]],
        ...[g * sx, h * sy + shear * g, i * z, origin[2]],
      ].map((value) => Math.fround(value) + 0);
      return { size, indexToPatient: [...affine, 0, 0, 0, 1] as unknown as Affine3D };
    });
}

type Row = readonly [number, number, number];

function rotation([x, y, z]: Row): readonly [Row, Row, Row] {
  const [cx, sx, cy, sy, cz, sz] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y), Math.cos(z), Math.sin(z)];
  return [
    [cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
    [sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
    [-sy, cy * sx, cy * cx],
  ];
}

/** Every voxel type, filled with pseudo-random values over its whole range. */
export function voxelsOf(size: readonly [number, number, number], type: VoxelType, seed: number): PixelArray {
  const data = new voxelTypes[type](size[0] * size[1] * size[2]);
  let state = seed >>> 0;
  for (let n = 0; n < data.length; n++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[n] = type === "Float32Array" ? (state - 2 ** 31) / 1000 : state;
  }
  return data;
}

export const voxelTypes = {
  Uint8Array,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
} as const;
export type VoxelType = keyof typeof voxelTypes;
export const voxelTypeNames = Object.keys(voxelTypes) as VoxelType[];
