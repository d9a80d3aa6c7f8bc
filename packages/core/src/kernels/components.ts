import { RefineError } from "../errors.ts";
import { type GridSize, requireGridLength } from "./grid.ts";

/** [i, j, k] of a volume; i is the fastest in memory. */
export type VolumeSize = readonly [i: number, j: number, k: number];

export interface ComponentLabels {
  /** 0 = background, 1..count = components in raster order of their first pixel. Two bytes per pixel where that is enough. */
  readonly labels: Uint16Array | Int32Array;
  readonly count: number;
}

/**
 * Connected components of the non-zero pixels: 4 = sharing an edge, 8 = sharing an edge or a corner.
 * @throws RefineError `shape-mismatch`.
 */
export function labelComponents2D(mask: Uint8Array, size: GridSize, connectivity: 4 | 8): ComponentLabels {
  requireGridLength("Components", mask.length, size);
  return labelRuns(mask, [size.columns, size.rows, 1], connectivity === 8 ? CONTACTS[18] : CONTACTS[6]);
}

/** How voxels hang together: 6 = sharing a face, 18 = a face or an edge, 26 = a face, an edge or a corner. */
export type VolumeConnectivity = 6 | 18 | 26;

/**
 * Connected components of the non-zero voxels.
 * @throws RefineError `shape-mismatch`.
 */
export function labelComponents3D(
  mask: Uint8Array,
  size: VolumeSize,
  connectivity: VolumeConnectivity,
): ComponentLabels {
  if (mask.length !== size[0] * size[1] * size[2]) {
    throw new RefineError(
      "shape-mismatch",
      `Components: found ${mask.length} voxels, expected ${size.join(" x ")} = ${size[0] * size[1] * size[2]}.`,
    );
  }
  return labelRuns(mask, size, CONTACTS[connectivity]);
}

/**
 * When runs of two lines touch. `beside`: lines that differ by one row or by one slice; `across`: by one of each, which do not
 * touch at all where it is undefined. 0: when they share a column; 1: also when one ends where the other begins.
 */
interface Contact {
  readonly beside: 0 | 1;
  readonly across: 0 | 1 | undefined;
}

const CONTACTS: Readonly<Record<VolumeConnectivity, Contact>> = {
  6: { beside: 0, across: undefined },
  18: { beside: 1, across: 0 },
  26: { beside: 1, across: 1 },
};

/**
 * Union-find over the horizontal runs of ones instead of over pixels: a run touches the runs of neighbouring rows, and
 * both lists are sorted, so that one merge pass per pair of rows finds all contacts.
 */
function labelRuns(mask: Uint8Array, [columns, rows, slices]: VolumeSize, contact: Contact): ComponentLabels {
  const lines = rows * slices;
  const lineStarts = new Int32Array(lines + 1);
  const { begins, ends } = findRuns(mask, columns, lineStarts);
  const runs = lineStarts[lines]!;

  const parents = new Int32Array(runs);
  for (let run = 0; run < runs; run++) parents[run] = run;
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
  // A run [b, e) touches [b', e') of a neighbouring line when they share a column, or with slack, when they abut.
  const joinLines = (line: number, other: number, slack: number): void => {
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
      if (row > 0) joinLines(line, line - 1, contact.beside);
      if (slice === 0) continue;
      joinLines(line, line - rows, contact.beside);
      if (contact.across === undefined) continue;
      if (row > 0) joinLines(line, line - rows - 1, contact.across);
      if (row + 1 < rows) joinLines(line, line - rows + 1, contact.across);
    }
  }

  const numbers = new Int32Array(runs);
  let count = 0;
  for (let run = 0; run < runs; run++) {
    const root = find(run);
    // A root is the first run of its component, so that it has its number before the others ask for it.
    numbers[run] = root === run ? ++count : numbers[root]!;
  }
  const labels = count <= 0xffff ? new Uint16Array(mask.length) : new Int32Array(mask.length);
  for (let line = 0; line < lines; line++) {
    const offset = line * columns;
    for (let run = lineStarts[line]!; run < lineStarts[line + 1]!; run++) {
      const number = numbers[run]!;
      const end = offset + ends[run]!;
      // Runs are short as a rule, and a call of `fill` costs as much as writing a few pixels.
      for (let pixel = offset + begins[run]!; pixel < end; pixel++) labels[pixel] = number;
    }
  }
  return { labels, count };
}

/** The runs of ones of all lines, in order, and in `lineStarts` where each line's begin. */
function findRuns(
  mask: Uint8Array,
  columns: number,
  lineStarts: Int32Array,
): { readonly begins: Int32Array; readonly ends: Int32Array } {
  // Most of a volume is background: four pixels are skipped at once where memory allows it.
  const words =
    mask.byteOffset % 4 === 0 && columns % 4 === 0
      ? new Int32Array(mask.buffer, mask.byteOffset, mask.length >> 2)
      : null;
  let begins: Int32Array = new Int32Array(1024);
  let ends: Int32Array = new Int32Array(1024);
  let runs = 0;
  for (let line = 0; line + 1 < lineStarts.length; line++) {
    lineStarts[line] = runs;
    const offset = line * columns;
    let column = 0;
    while (column < columns) {
      if (mask[offset + column] === 0) {
        column++;
        if (words !== null)
          while (column % 4 === 0 && column < columns && words[(offset + column) >> 2] === 0) column += 4;
        continue;
      }
      if (runs === begins.length) {
        begins = doubled(begins);
        ends = doubled(ends);
      }
      begins[runs] = column;
      while (column < columns && mask[offset + column] !== 0) column++;
      ends[runs++] = column;
    }
  }
  lineStarts[lineStarts.length - 1] = runs;
  return { begins, ends };
}

function doubled(values: Int32Array): Int32Array {
  const result = new Int32Array(2 * values.length);
  result.set(values);
  return result;
}
