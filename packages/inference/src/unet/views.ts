import type { GridSize, TestTimeAugmentation } from "@samrefine/core";
import { type Flip, flipPlanes } from "./flip.ts";

/** One of the looks at an image that test-time augmentation averages over. */
export interface View {
  readonly flip?: Flip;
  /** About the centre of the grid: turned counter-clockwise as displayed, then `scale` times as large. */
  readonly move?: { readonly rotationDegrees: number; readonly scale: number };
  /** Exponent on the image's own range of values. */
  readonly gamma?: number;
}

const MIRRORED: View = { flip: { horizontal: true, vertical: false } };

/**
 * Looks that leave left and right where they are, for structures that are told apart by side: the sizes and angles at which
 * the same anatomy may lie on the plate, and brighter and darker exposures.
 */
const SMALL_CHANGES: readonly View[] = [
  {},
  { move: { rotationDegrees: 5, scale: 0.9 }, gamma: 1.25 },
  { move: { rotationDegrees: -5, scale: 0.9 }, gamma: 0.8 },
  { move: { rotationDegrees: 3, scale: 1.1 }, gamma: 0.8 },
  { move: { rotationDegrees: -3, scale: 1.1 }, gamma: 1.25 },
  { move: { rotationDegrees: 0, scale: 0.8 } },
];

/** The looks of an augmentation; the first is the image itself. */
export function viewsOf(augmentation: TestTimeAugmentation): readonly View[] {
  switch (augmentation) {
    case "none":
      return [{}];
    case "horizontal-flip":
      return [{}, MIRRORED];
    case "flips":
      return [
        {},
        MIRRORED,
        { flip: { horizontal: false, vertical: true } },
        { flip: { horizontal: true, vertical: true } },
      ];
    case "small-changes":
      return SMALL_CHANGES;
  }
}

/** The network's input as a view shows it, [channel, row, column]. The image itself is returned as it is. */
export function throughView(planes: Float32Array, grid: GridSize, { flip, move, gamma }: View): Float32Array {
  const toned = gamma === undefined ? planes : withGamma(planes, gamma);
  const moved = move === undefined ? toned : resample(toned, grid, inverseOf(move));
  return flip === undefined ? moved : flipPlanes(moved, grid, flip);
}

/** What the network said of a view, brought back to the image. Pixels that the view did not show repeat its edge. */
export function fromView(planes: Float32Array, grid: GridSize, { flip, move }: View): Float32Array {
  const upright = flip === undefined ? planes : flipPlanes(planes, grid, flip);
  return move === undefined ? upright : resample(upright, grid, matrixOf(move));
}

/** 1 where the view shows the image's pixel, 0 where it lies beyond the view's edge; undefined when it shows all. */
export function shownBy({ rows, columns }: GridSize, { move }: View): Uint8Array | undefined {
  if (move === undefined) return undefined;
  const shown = new Uint8Array(rows * columns);
  visit({ rows, columns }, matrixOf(move), (index, x, y) => {
    if (x >= 0 && x <= columns - 1 && y >= 0 && y <= rows - 1) shown[index] = 1;
  });
  return shown;
}

/**
 * Mean over the views that show a pixel.
 * @param results one per view, each brought back, [channel, row, column] on `grid`.
 */
export function meanOfViews(results: readonly Float32Array[], grid: GridSize, views: readonly View[]): Float32Array {
  const [first] = results;
  if (first === undefined || results.length === 1) return first ?? new Float32Array(0);
  const plane = grid.rows * grid.columns;
  const sum = new Float32Array(first.length);
  const count = new Uint8Array(plane);
  for (const [index, result] of results.entries()) {
    const shown = shownBy(grid, views[index]!);
    for (let i = 0; i < plane; i++) {
      if (shown?.[i] === 0) continue;
      count[i]!++;
      for (let k = i; k < sum.length; k += plane) sum[k]! += result[k]!;
    }
  }
  for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! / count[i % plane]!;
  return sum;
}

/** About the centre: x' = a x + b y, y' = -b x + a y. */
interface Matrix {
  readonly a: number;
  readonly b: number;
}

function matrixOf({ rotationDegrees, scale }: NonNullable<View["move"]>): Matrix {
  const angle = (rotationDegrees * Math.PI) / 180;
  return { a: scale * Math.cos(angle), b: scale * Math.sin(angle) };
}

function inverseOf(move: NonNullable<View["move"]>): Matrix {
  return matrixOf({ rotationDegrees: -move.rotationDegrees, scale: 1 / move.scale });
}

/** For every pixel of the grid the place that the matrix takes it to. */
function visit({ rows, columns }: GridSize, { a, b }: Matrix, at: (index: number, x: number, y: number) => void): void {
  const centerX = (columns - 1) / 2;
  const centerY = (rows - 1) / 2;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const [u, v] = [column - centerX, row - centerY];
      at(row * columns + column, a * u + b * v + centerX, a * v - b * u + centerY);
    }
  }
}

/** Takes every pixel from the place that the matrix takes it to: bilinear; beyond the edge, the edge. */
function resample(planes: Float32Array, grid: GridSize, matrix: Matrix): Float32Array {
  const { rows, columns } = grid;
  const plane = rows * columns;
  const result = new Float32Array(planes.length);
  visit(grid, matrix, (index, x, y) => {
    const inX = Math.min(Math.max(x, 0), columns - 1);
    const inY = Math.min(Math.max(y, 0), rows - 1);
    const [left, top] = [Math.floor(inX), Math.floor(inY)];
    const [right, bottom] = [Math.min(left + 1, columns - 1), Math.min(top + 1, rows - 1)];
    const [wx, wy] = [inX - left, inY - top];
    for (let start = 0; start < planes.length; start += plane) {
      const upper = planes[start + top * columns + left]! * (1 - wx) + planes[start + top * columns + right]! * wx;
      const lower =
        planes[start + bottom * columns + left]! * (1 - wx) + planes[start + bottom * columns + right]! * wx;
      result[start + index] = upper * (1 - wy) + lower * wy;
    }
  });
  return result;
}

function withGamma(planes: Float32Array, gamma: number): Float32Array {
  let [lowest, highest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < planes.length; i++) {
    lowest = Math.min(lowest, planes[i]!);
    highest = Math.max(highest, planes[i]!);
  }
  const range = highest - lowest;
  if (!(range > 0)) return planes;
  return planes.map((value) => lowest + range * ((value - lowest) / range) ** gamma);
}
