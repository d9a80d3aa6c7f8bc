import type { AxisTaps, UpsamplePlan } from "./upsample.ts";

/**
 * The mask of up-sampled logits, 1 where they are above 0, with only those pixels interpolated that can lie on either side.
 * A pixel is a mean of 3 x 3 low-resolution logits: where all of them are positive it is 1, where none is it is 0, whatever
 * the weights. What remains is the outline, a few cells wide.
 *
 * @param lowRes [lowResSide, lowResSide].
 * @returns [rows, columns] of the plan's output.
 */
export function cutMask(lowRes: Float32Array, plan: UpsamplePlan): Uint8Array<ArrayBuffer> {
  const { lowResSide: side, x, y } = plan;
  const { rows, columns } = plan.output;
  const mask = new Uint8Array(rows * columns);
  const firstColumns = firstSamples(x, side);
  const firstRows = firstSamples(y, side);
  const positives = new Uint8Array(side);
  const lines = new Float64Array(3 * columns);
  for (let top = 0; top <= side - 3; top++) {
    const from = firstRows[top]!;
    const to = firstRows[top + 1]!;
    if (from === to) continue;
    countPositives(positives, lowRes, top * side);
    let left = 0;
    while (left <= side - 3) {
      const kind = kindOf(positives, left);
      let next = left + 1;
      while (next <= side - 3 && kindOf(positives, next) === kind) next++;
      const [start, end] = [firstColumns[left]!, firstColumns[next]!];
      if (kind === "inside") {
        for (let row = from; row < to; row++) mask.fill(1, row * columns + start, row * columns + end);
      } else if (kind === "outline" && start < end) {
        interpolateLines(lines, lowRes, plan, { top, start, end });
        for (let row = from; row < to; row++) cutRow(mask, lines, plan, { row, start, end });
      }
      left = next;
    }
  }
  return mask;
}

/** [side - 1]: the first output sample whose taps begin at an index or later; starts grow from sample to sample. */
function firstSamples({ starts }: AxisTaps, side: number): Int32Array {
  const first = new Int32Array(side - 1);
  let sample = 0;
  for (let start = 0; start < side - 1; start++) {
    while (sample < starts.length && starts[sample]! < start) sample++;
    first[start] = sample;
  }
  return first;
}

/** How many of three rows from `offset` on are positive, for every column. */
function countPositives(positives: Uint8Array, lowRes: Float32Array, offset: number): void {
  const side = positives.length;
  for (let i = 0; i < side; i++) {
    const at = offset + i;
    positives[i] = (lowRes[at]! > 0 ? 1 : 0) + (lowRes[at + side]! > 0 ? 1 : 0) + (lowRes[at + 2 * side]! > 0 ? 1 : 0);
  }
}

function kindOf(positives: Uint8Array, left: number): "inside" | "outside" | "outline" {
  const count = positives[left]! + positives[left + 1]! + positives[left + 2]!;
  return count === 9 ? "inside" : count === 0 ? "outside" : "outline";
}

/** Three low-resolution rows, each at the columns from `start` to `end`. */
function interpolateLines(
  lines: Float64Array,
  lowRes: Float32Array,
  { lowResSide, x, output }: UpsamplePlan,
  { top, start, end }: { readonly top: number; readonly start: number; readonly end: number },
): void {
  for (let line = 0; line < 3; line++) {
    const source = (top + line) * lowResSide;
    const target = line * output.columns;
    for (let column = start; column < end; column++) {
      const tap = source + x.starts[column]!;
      lines[target + column] =
        x.weights[column * 3]! * lowRes[tap]! +
        x.weights[column * 3 + 1]! * lowRes[tap + 1]! +
        x.weights[column * 3 + 2]! * lowRes[tap + 2]!;
    }
  }
}

function cutRow(
  mask: Uint8Array,
  lines: Float64Array,
  { y, output: { columns } }: UpsamplePlan,
  { row, start, end }: { readonly row: number; readonly start: number; readonly end: number },
): void {
  const a = y.weights[row * 3]!;
  const b = y.weights[row * 3 + 1]!;
  const c = y.weights[row * 3 + 2]!;
  const target = row * columns;
  for (let i = start; i < end; i++) {
    mask[target + i] = a * lines[i]! + b * lines[columns + i]! + c * lines[2 * columns + i]! > 0 ? 1 : 0;
  }
}
