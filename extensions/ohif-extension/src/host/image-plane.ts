import { metaData, type Types } from "@cornerstonejs/core";

type Vector = readonly [number, number, number];

/** Maps between a slice's pixels (pixel (0, 0) is the centre of the first one) and the host's world, millimetres. */
export interface ImagePlane {
  toWorld(x: number, y: number): Types.Point3;
  toPixel(world: Readonly<Types.Point3>): { readonly x: number; readonly y: number };
  readonly normal: Vector;
  readonly columnDirection: Vector;
}

/** Images without position lie at the origin with spacing 1, as the host's stack viewport draws them. */
export function imagePlaneOf(imageId: string): ImagePlane {
  const plane = metaData.get("imagePlaneModule", imageId) as
    | {
        readonly imagePositionPatient?: ArrayLike<number>;
        readonly rowCosines?: ArrayLike<number>;
        readonly columnCosines?: ArrayLike<number>;
        readonly columnPixelSpacing?: number;
        readonly rowPixelSpacing?: number;
      }
    | undefined;
  const origin = vector(plane?.imagePositionPatient) ?? [0, 0, 0];
  const row = vector(plane?.rowCosines) ?? [1, 0, 0];
  const column = vector(plane?.columnCosines) ?? [0, 1, 0];
  const sx = plane?.columnPixelSpacing || 1;
  const sy = plane?.rowPixelSpacing || 1;
  return {
    normal: [
      row[1] * column[2] - row[2] * column[1],
      row[2] * column[0] - row[0] * column[2],
      row[0] * column[1] - row[1] * column[0],
    ],
    columnDirection: column,
    toWorld: (x, y) => [
      origin[0] + row[0] * x * sx + column[0] * y * sy,
      origin[1] + row[1] * x * sx + column[1] * y * sy,
      origin[2] + row[2] * x * sx + column[2] * y * sy,
    ],
    toPixel: (world) => {
      const d: Vector = [world[0] - origin[0], world[1] - origin[1], world[2] - origin[2]];
      return { x: dot(d, row) / sx, y: dot(d, column) / sy };
    },
  };
}

function vector(values: ArrayLike<number> | undefined): Vector | undefined {
  if (!values || values.length < 3) return undefined;
  return [values[0]!, values[1]!, values[2]!];
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}
