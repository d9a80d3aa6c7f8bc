import { RefineError } from "../errors.ts";

/** Size of a row-major 2D array. An ImageGeometry is one. */
export interface GridSize {
  readonly columns: number;
  readonly rows: number;
}

/** @throws RefineError `shape-mismatch` when `length` is not rows * columns * channels. */
export function requireGridLength(what: string, length: number, size: GridSize, channels = 1): void {
  const { columns, rows } = size;
  const expected = columns * rows * channels;
  if (Number.isInteger(columns) && Number.isInteger(rows) && columns > 0 && rows > 0 && length === expected) return;
  throw new RefineError(
    "shape-mismatch",
    `${what}: found ${length} values, expected ${columns} columns x ${rows} rows x ${channels} channels = ${expected}.`,
    {
      hint: "Pass the array together with the geometry that it was made for.",
      details: { found: length, columns, rows, channels },
    },
  );
}

/** Whether two grids have the same number of columns and rows. */
export function isSameGrid(a: GridSize, b: GridSize): boolean {
  return a.columns === b.columns && a.rows === b.rows;
}
