import type { GridSize } from "@samrefine/core";

/** Where a window is laid over a grid that it does not exceed, and how much each of its places counts. */
export interface Tiling {
  readonly window: GridSize;
  /** Upper left corners, row by row. */
  readonly corners: readonly { readonly row: number; readonly column: number }[];
  /** [rows, columns] of the window, all above 0. */
  readonly weights: Float32Array;
}

export interface TilingOptions {
  /** Part of a window that its neighbour covers too, 0 to below 1. */
  readonly overlap: number;
  readonly blend: "gaussian" | "constant";
}

/** @param grid at least as large as the window on both axes. */
export function planTiles(grid: GridSize, window: GridSize, { overlap, blend }: TilingOptions): Tiling {
  const columns = tileStarts(grid.columns, window.columns, overlap);
  const corners = tileStarts(grid.rows, window.rows, overlap).flatMap((row) =>
    columns.map((column) => ({ row, column })),
  );
  const [y, x] = [axisWeights(window.rows, blend), axisWeights(window.columns, blend)];
  const weights = new Float32Array(window.rows * window.columns);
  for (let i = 0; i < weights.length; i++) {
    weights[i] = y[Math.floor(i / window.columns)]! * x[i % window.columns]!;
  }
  return { window, corners, weights };
}

/**
 * The fewest windows that cover the axis with at least the overlap, evenly spread, the first and the last at its ends, as
 * nnU-Net lays them (`compute_steps_for_sliding_window`).
 */
export function tileStarts(length: number, window: number, overlap: number): number[] {
  const free = length - window;
  const steps = Math.ceil(free / Math.max(1, window * (1 - overlap))) + 1;
  if (steps === 1) return [0];
  return Array.from({ length: steps }, (_, i) => Math.round((free * i) / (steps - 1)));
}

/** A Gaussian over an eighth of the window, as in nnU-Net and MONAI: a network knows least at its borders. */
function axisWeights(length: number, blend: TilingOptions["blend"]): Float64Array {
  if (blend === "constant") return new Float64Array(length).fill(1);
  const center = (length - 1) / 2;
  const sigma = length / 8;
  // At most four deviations from the centre: e^-8, far from 0 in float32, so that a place covered once is no division by 0.
  return Float64Array.from({ length }, (_, i) => Math.exp(-0.5 * ((i - center) / sigma) ** 2));
}

/** The part of a planar array under one window. */
export function cutTile(
  planes: Float32Array,
  grid: GridSize,
  { row, column }: Tiling["corners"][number],
  window: GridSize,
): Float32Array {
  const channels = planes.length / (grid.rows * grid.columns);
  const result = new Float32Array(channels * window.rows * window.columns);
  let target = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < window.rows; y++, target += window.columns) {
      const start = (channel * grid.rows + row + y) * grid.columns + column;
      result.set(planes.subarray(start, start + window.columns), target);
    }
  }
  return result;
}

/** The mean of overlapping answers by their weights, planar [channel, row, column]. */
export class TileBlend {
  readonly #grid: GridSize;
  readonly #tiling: Tiling;
  readonly #channels: number;
  readonly #sums: Float32Array;
  readonly #weights: Float32Array;

  constructor(grid: GridSize, tiling: Tiling, channels: number) {
    this.#grid = grid;
    this.#tiling = tiling;
    this.#channels = channels;
    this.#sums = new Float32Array(channels * grid.rows * grid.columns);
    this.#weights = new Float32Array(grid.rows * grid.columns);
  }

  add(tile: Float32Array, { row, column }: Tiling["corners"][number]): void {
    const { columns, rows } = this.#grid;
    const { window, weights } = this.#tiling;
    for (let y = 0; y < window.rows; y++) {
      const line = (row + y) * columns + column;
      for (let x = 0; x < window.columns; x++) {
        const place = y * window.columns + x;
        const weight = weights[place]!;
        this.#weights[line + x] = this.#weights[line + x]! + weight;
        for (let channel = 0; channel < this.#channels; channel++) {
          const target = channel * rows * columns + line + x;
          this.#sums[target] = this.#sums[target]! + weight * tile[channel * weights.length + place]!;
        }
      }
    }
  }

  /** Once, after the last tile. */
  finish(): Float32Array {
    const plane = this.#weights.length;
    for (let i = 0; i < this.#sums.length; i++) this.#sums[i] = this.#sums[i]! / this.#weights[i % plane]!;
    return this.#sums;
  }
}
