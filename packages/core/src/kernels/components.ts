import { RefineError } from "../errors.ts";
import { type GridSize, requireGridLength } from "./grid.ts";

/** [i, j, k] of a volume; i is the fastest in memory. */
export type VolumeSize = readonly [i: number, j: number, k: number];

export interface ComponentLabels {
  /** 0 = background, 1..count = components in raster order of their first pixel. */
  readonly labels: Int32Array;
  readonly count: number;
}

/**
 * Connected components of the non-zero pixels: 4 = sharing an edge, 8 = sharing an edge or a corner.
 * @throws RefineError `shape-mismatch`.
 */
export function labelComponents2D(mask: Uint8Array, size: GridSize, connectivity: 4 | 8): ComponentLabels {
  requireGridLength("Components", mask.length, size);
  return labelRuns(mask, [size.columns, size.rows, 1], connectivity === 8);
}

/**
 * Connected components of the non-zero voxels: 6 = sharing a face, 26 = sharing a face, an edge or a corner.
 * @throws RefineError `shape-mismatch`.
 */
export function labelComponents3D(mask: Uint8Array, size: VolumeSize, connectivity: 6 | 26): ComponentLabels {
  if (mask.length !== size[0] * size[1] * size[2]) {
    throw new RefineError(
      "shape-mismatch",
      `Components: found ${mask.length} voxels, expected ${size.join(" x ")} = ${size[0] * size[1] * size[2]}.`,
    );
  }
  return labelRuns(mask, size, connectivity === 26);
}

/**
 * Union-find over the horizontal runs of ones instead of over pixels: a run touches the runs of neighbouring rows, and
 * both lists are sorted, so that one merge pass per pair of rows finds all contacts.
 */
function labelRuns(mask: Uint8Array, [columns, rows, slices]: VolumeSize, corners: boolean): ComponentLabels {
  const lines = rows * slices;
  const lineStarts = new Int32Array(lines + 1);
  const begins: number[] = [];
  const ends: number[] = [];
  for (let line = 0; line < lines; line++) {
    lineStarts[line] = begins.length;
    const offset = line * columns;
    let column = 0;
    while (column < columns) {
      while (column < columns && mask[offset + column] === 0) column++;
      if (column === columns) break;
      begins.push(column);
      while (column < columns && mask[offset + column] !== 0) column++;
      ends.push(column);
    }
  }
  lineStarts[lines] = begins.length;

  const parents = Int32Array.from(begins, (_, run) => run);
  const find = (run: number): number => {
    let root = run;
    while (parents[root] !== root) root = parents[root]!;
    while (parents[run] !== root) {
      const next = parents[run]!;
      parents[run] = root;
      run = next;
    }
    return root;
  };
  // A run [b, e) touches [b', e') of a neighbouring row when they share a column, or with corners, when they abut.
  const slack = corners ? 1 : 0;
  const joinLines = (line: number, other: number): void => {
    let a = lineStarts[line]!;
    let b = lineStarts[other]!;
    const endA = lineStarts[line + 1]!;
    const endB = lineStarts[other + 1]!;
    while (a < endA && b < endB) {
      if (begins[a]! < ends[b]! + slack && begins[b]! < ends[a]! + slack) {
        const rootA = find(a);
        const rootB = find(b);
        // The smaller index is the earlier run, so that roots keep raster order.
        if (rootA < rootB) parents[rootB] = rootA;
        else parents[rootA] = rootB;
      }
      if (ends[a]! < ends[b]!) a++;
      else b++;
    }
  };
  for (let slice = 0; slice < slices; slice++) {
    for (let row = 0; row < rows; row++) {
      const line = slice * rows + row;
      if (row > 0) joinLines(line, line - 1);
      if (slice === 0) continue;
      joinLines(line, line - rows);
      if (!corners) continue;
      if (row > 0) joinLines(line, line - rows - 1);
      if (row + 1 < rows) joinLines(line, line - rows + 1);
    }
  }

  const labels = new Int32Array(mask.length);
  const numbers = new Int32Array(begins.length);
  let count = 0;
  for (let line = 0; line < lines; line++) {
    for (let run = lineStarts[line]!; run < lineStarts[line + 1]!; run++) {
      const root = find(run);
      if (root === run) numbers[run] = ++count;
      labels.fill(numbers[root]!, line * columns + begins[run]!, line * columns + ends[run]!);
    }
  }
  return { labels, count };
}
