import { RefineError } from "../errors.ts";
import type { PixelArray } from "../image/image.ts";
import { type GridSize, requireGridLength } from "./grid.ts";

/**
 * Which source samples make one output sample, for every output sample of an axis.
 * `weights[i * taps + t]` belongs to source index `starts[i] + t`, for t < counts[i].
 */
interface AxisWeights {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly taps: number;
  readonly weights: Float64Array;
}

/**
 * Bilinear resize with half-pixel centres, edge replication and no antialiasing: what PyTorch's `interpolate` does with
 * `align_corners=False` and OpenCV with `INTER_LINEAR`. Use it to enlarge, and to make a network's input as it was trained.
 *
 * @param data row-major, channels interleaved, length = from.rows * from.columns * channels.
 * @throws RefineError `shape-mismatch`.
 */
export function resizeBilinear(data: PixelArray, from: GridSize, to: GridSize, channels = 1): Float32Array {
  requireResizable(data, from, to, channels);
  if (from.columns === to.columns && from.rows === to.rows) return new Float32Array(data);
  return resizeBox(data, from, to, { xMin: 0, yMin: 0, xMax: to.columns - 1, yMax: to.rows - 1 }, channels);
}

/** Inclusive indices of samples; none where a maximum lies below its minimum. */
interface SampleBox {
  readonly xMin: number;
  readonly yMin: number;
  readonly xMax: number;
  readonly yMax: number;
}

/**
 * The samples of {@link resizeBilinear} within a box of its result, for one channel.
 *
 * @param box inclusive indices of `to`.
 * @returns row-major over the box.
 * @throws RefineError `shape-mismatch`.
 */
export function resizeBilinearWithin(data: Float32Array, from: GridSize, to: GridSize, box: SampleBox): Float32Array {
  requireResizable(data, from, to, 1);
  return resizeBox(data, from, to, box, 1);
}

/** Where {@link resizeBilinear} uses a sample of `box`, an inclusive box of `from`; inclusive indices of `to`. */
export function reachOfBox(box: SampleBox, from: GridSize, to: GridSize): SampleBox {
  const [xMin, xMax] = touching(linearWeights(from.columns, to.columns), box.xMin, box.xMax);
  const [yMin, yMax] = touching(linearWeights(from.rows, to.rows), box.yMin, box.yMax);
  return { xMin, yMin, xMax, yMax };
}

/** First and last output sample that uses a source sample from `first` to `last`; those between do as well. */
function touching({ starts, counts }: AxisWeights, first: number, last: number): readonly [number, number] {
  let start = 0;
  while (start < starts.length && starts[start]! + counts[start]! - 1 < first) start++;
  let end = start;
  while (end < starts.length && starts[end]! <= last) end++;
  return [start, end - 1];
}

function resizeBox(data: PixelArray, from: GridSize, to: GridSize, box: SampleBox, channels: number): Float32Array {
  const x = partOf(linearWeights(from.columns, to.columns), box.xMin, box.xMax);
  const y = partOf(linearWeights(from.rows, to.rows), box.yMin, box.yMax);
  const width = x.starts.length * channels;
  const result = new Float32Array(y.starts.length * width);
  // Two rows of the source, resized horizontally; consecutive output rows mostly need the same two.
  let upper = new Float64Array(width);
  let lower = new Float64Array(width);
  let upperRow = -1;
  let lowerRow = -1;
  for (let row = 0; row < y.starts.length; row++) {
    const first = y.starts[row]!;
    const second = first + y.counts[row]! - 1;
    if (first !== upperRow && first === lowerRow) {
      [upper, lower] = [lower, upper];
      [upperRow, lowerRow] = [lowerRow, upperRow];
    }
    if (first !== upperRow) {
      resizeRowLinear(data, first * from.columns * channels, channels, x, upper);
      upperRow = first;
    }
    if (second !== lowerRow) {
      resizeRowLinear(data, second * from.columns * channels, channels, x, lower);
      lowerRow = second;
    }
    mixRows(upper, lower, y.weights[row * 2]!, result, row * width);
  }
  return result;
}

/** One row by itself: a short function that is called often runs at full speed sooner than a long loop that is entered once. */
function mixRows(upper: Float64Array, lower: Float64Array, a: number, result: Float32Array, target: number): void {
  const b = 1 - a;
  for (let i = 0; i < upper.length; i++) result[target + i] = a * upper[i]! + b * lower[i]!;
}

/** The taps of the output samples from `first` to `last`. */
function partOf({ starts, counts, taps, weights }: AxisWeights, first: number, last: number): AxisWeights {
  const end = Math.max(first, last + 1);
  return {
    starts: starts.subarray(first, end),
    counts: counts.subarray(first, end),
    taps,
    weights: weights.subarray(first * taps, end * taps),
  };
}

function resizeRowLinear(
  data: PixelArray,
  offset: number,
  channels: number,
  axis: AxisWeights,
  result: Float64Array,
): void {
  const { starts, counts, weights } = axis;
  if (channels === 1) {
    // The common case without the inner loop: maps of one class are enlarged for every slice and class.
    for (let column = 0; column < starts.length; column++) {
      const a = weights[column * 2]!;
      const first = offset + starts[column]!;
      result[column] = a * data[first]! + (1 - a) * data[first + counts[column]! - 1]!;
    }
    return;
  }
  let i = 0;
  for (let column = 0; column < axis.starts.length; column++) {
    const a = axis.weights[column * 2]!;
    const b = 1 - a;
    const first = offset + axis.starts[column]! * channels;
    const second = first + (axis.counts[column]! - 1) * channels;
    for (let c = 0; c < channels; c++) result[i++] = a * data[first + c]! + b * data[second + c]!;
  }
}

/** Shared by all classes of an image, for which they would cost more than a small part of a large result: read only. */
const knownAxes = new Map<string, AxisWeights>();
const MOST_KNOWN_AXES = 8;

function linearWeights(from: number, to: number): AxisWeights {
  const key = `${from} ${to}`;
  let axis = knownAxes.get(key);
  if (axis === undefined) {
    if (knownAxes.size === MOST_KNOWN_AXES) knownAxes.clear();
    axis = makeLinearWeights(from, to);
    knownAxes.set(key, axis);
  }
  return axis;
}

/** At most two taps per output sample; at an edge there is one, with weight 1. */
function makeLinearWeights(from: number, to: number): AxisWeights {
  const starts = new Int32Array(to);
  const counts = new Int32Array(to);
  const weights = new Float64Array(to * 2);
  const scale = from / to;
  for (let i = 0; i < to; i++) {
    const position = Math.max(0, (i + 0.5) * scale - 0.5);
    const start = Math.min(Math.floor(position), from - 1);
    const count = start + 1 < from ? 2 : 1;
    starts[i] = start;
    counts[i] = count;
    weights[i * 2] = count === 1 ? 1 : 1 - (position - start);
    weights[i * 2 + 1] = count === 1 ? 0 : position - start;
  }
  return { starts, counts, taps: 2, weights };
}

/** Bits of the fixed-point weights of 8-bit images, as in Pillow's Resample.c, so that results agree to the last bit. */
const FIXED_POINT_BITS = 22;

/**
 * Antialiased bilinear resize: a triangle filter that widens with the reduction, columns first, then rows. This is
 * Pillow's BILINEAR, torchvision's `antialias=True`, and SAM's own preprocessing (methods: longest side to 1024).
 * A Uint8Array gives a Uint8Array, bit-identical to Pillow before version 13 (which may filter rows first, one grey level
 * apart); anything else gives a Float32Array.
 *
 * @param data row-major, channels interleaved, length = from.rows * from.columns * channels.
 * @throws RefineError `shape-mismatch`.
 */
export function resizeAntialiased(data: Uint8Array, from: GridSize, to: GridSize, channels?: number): Uint8Array;
export function resizeAntialiased(
  data: PixelArray,
  from: GridSize,
  to: GridSize,
  channels?: number,
): Uint8Array | Float32Array;
export function resizeAntialiased(
  data: PixelArray,
  from: GridSize,
  to: GridSize,
  channels = 1,
): Uint8Array | Float32Array {
  requireResizable(data, from, to, channels);
  const isEnlarged = from.columns <= to.columns && from.rows <= to.rows;
  // The triangle is as wide as two samples then, and its weights are the bilinear ones.
  if (isEnlarged && !(data instanceof Uint8Array)) return resizeBilinear(data, from, to, channels);
  const x = triangleWeights(from.columns, to.columns);
  const y = triangleWeights(from.rows, to.rows);
  if (data instanceof Uint8Array) {
    const narrowed = from.columns === to.columns ? data : filterColumnsFixed(data, from, channels, fixedPoint(x));
    const width = to.columns * channels;
    return from.rows === to.rows ? new Uint8Array(narrowed) : filterRowsFixed(narrowed, width, fixedPoint(y));
  }
  const narrowed = from.columns === to.columns ? data : filterColumns(data, from, channels, x);
  return from.rows === to.rows ? new Float32Array(narrowed) : filterRows(narrowed, to.columns * channels, y);
}

function triangleWeights(from: number, to: number): AxisWeights {
  const scale = from / to;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(to);
  const counts = new Int32Array(to);
  const weights = new Float64Array(to * taps);
  for (let i = 0; i < to; i++) {
    const center = (i + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(from, Math.trunc(center + support + 0.5));
    let sum = 0;
    for (let s = start; s < end; s++) {
      const weight = Math.max(0, 1 - Math.abs((s - center + 0.5) / support));
      weights[i * taps + s - start] = weight;
      sum += weight;
    }
    for (let t = 0; t < end - start; t++) weights[i * taps + t] = weights[i * taps + t]! / sum;
    starts[i] = start;
    counts[i] = end - start;
  }
  return { starts, counts, taps, weights };
}

interface FixedAxisWeights extends Omit<AxisWeights, "weights"> {
  readonly weights: Int32Array;
}

function fixedPoint(axis: AxisWeights): FixedAxisWeights {
  return {
    ...axis,
    weights: Int32Array.from(axis.weights, (weight) => Math.trunc(0.5 + weight * 2 ** FIXED_POINT_BITS)),
  };
}

function filterColumns(data: PixelArray, from: GridSize, channels: number, axis: AxisWeights): Float32Array {
  const { starts, counts, taps, weights } = axis;
  const columns = starts.length;
  const result = new Float32Array(from.rows * columns * channels);
  let target = 0;
  for (let row = 0; row < from.rows; row++) {
    for (let column = 0; column < columns; column++) {
      const start = (row * from.columns + starts[column]!) * channels;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let t = 0; t < counts[column]!; t++) sum += weights[column * taps + t]! * data[start + t * channels + c]!;
        result[target++] = sum;
      }
    }
  }
  return result;
}

function filterRows(data: PixelArray, width: number, axis: AxisWeights): Float32Array {
  const { starts, counts, taps, weights } = axis;
  const result = new Float32Array(starts.length * width);
  const sums = new Float64Array(width);
  for (let row = 0; row < starts.length; row++) {
    sums.fill(0);
    for (let t = 0; t < counts[row]!; t++) {
      const weight = weights[row * taps + t]!;
      const source = (starts[row]! + t) * width;
      for (let i = 0; i < width; i++) sums[i] = sums[i]! + weight * data[source + i]!;
    }
    result.set(sums, row * width);
  }
  return result;
}

/** Added before the shift, which then rounds. With it, 255 times all weights fits into 31 bits, and a result into 8. */
const FIXED_POINT_HALF = 2 ** (FIXED_POINT_BITS - 1);

function filterColumnsFixed(data: Uint8Array, from: GridSize, channels: number, axis: FixedAxisWeights): Uint8Array {
  const { starts, counts, taps, weights } = axis;
  const columns = starts.length;
  const result = new Uint8Array(from.rows * columns * channels);
  if (channels === 1 && counts.every((count) => count <= 2)) {
    enlargeColumnsFixed(data, from, axis, result);
    return result;
  }
  let target = 0;
  for (let row = 0; row < from.rows; row++) {
    const line = row * from.columns;
    for (let column = 0; column < columns; column++) {
      const start = (line + starts[column]!) * channels;
      const end = start + counts[column]! * channels;
      const first = column * taps;
      for (let c = 0; c < channels; c++) {
        let sum = FIXED_POINT_HALF;
        for (let i = start + c, t = first; i < end; i += channels, t++)
          sum = (sum + Math.imul(weights[t]!, data[i]!)) | 0;
        result[target++] = sum >> FIXED_POINT_BITS;
      }
    }
  }
  return result;
}

/** The same for one channel and at most two taps: a quarter of the time, and it is what every small slice needs. */
function enlargeColumnsFixed(data: Uint8Array, from: GridSize, axis: FixedAxisWeights, result: Uint8Array): void {
  const { starts, counts, taps, weights } = axis;
  const columns = starts.length;
  const low = Int32Array.from({ length: columns }, (_, i) => weights[i * taps]!);
  const high = Int32Array.from({ length: columns }, (_, i) => (counts[i] === 2 ? weights[i * taps + 1]! : 0));
  const next = Int32Array.from({ length: columns }, (_, i) => starts[i]! + counts[i]! - 1);
  for (let row = 0; row < from.rows; row++) {
    const line = row * from.columns;
    const target = row * columns;
    for (let column = 0; column < columns; column++) {
      const a = Math.imul(low[column]!, data[line + starts[column]!]!);
      const b = Math.imul(high[column]!, data[line + next[column]!]!);
      result[target + column] = (FIXED_POINT_HALF + a + b) >> FIXED_POINT_BITS;
    }
  }
}

function filterRowsFixed(data: Uint8Array, width: number, axis: FixedAxisWeights): Uint8Array {
  const { starts, counts, taps, weights } = axis;
  const result = new Uint8Array(starts.length * width);
  const sums = new Int32Array(width);
  for (let row = 0; row < starts.length; row++) {
    const first = row * taps;
    const source = starts[row]! * width;
    const target = row * width;
    // Enlarging has at most two taps, which need no sums in between.
    if (counts[row]! <= 2) {
      const a = weights[first]!;
      const b = counts[row] === 2 ? weights[first + 1]! : 0;
      const next = b === 0 ? source : source + width;
      for (let i = 0; i < width; i++) {
        const sum = (FIXED_POINT_HALF + Math.imul(a, data[source + i]!) + Math.imul(b, data[next + i]!)) | 0;
        result[target + i] = sum >> FIXED_POINT_BITS;
      }
      continue;
    }
    sums.fill(FIXED_POINT_HALF);
    for (let t = 0; t < counts[row]!; t++) {
      const weight = weights[first + t]!;
      const line = source + t * width;
      for (let i = 0; i < width; i++) sums[i] = sums[i]! + Math.imul(weight, data[line + i]!);
    }
    for (let i = 0; i < width; i++) result[target + i] = sums[i]! >> FIXED_POINT_BITS;
  }
  return result;
}

/**
 * Nearest neighbour with half-pixel centres: source index = floor((i + 0.5) * in / out), PyTorch's "nearest-exact".
 * For masks and label maps; keeps the array type.
 *
 * @throws RefineError `shape-mismatch`.
 */
export function resizeNearest<P extends PixelArray>(data: P, from: GridSize, to: GridSize, channels = 1): P {
  requireResizable(data, from, to, channels);
  const offsets = Int32Array.from(
    { length: to.columns },
    (_, i) => nearestIndex(i, from.columns, to.columns) * channels,
  );
  const result = new (data.constructor as new (length: number) => P)(to.rows * to.columns * channels);
  let target = 0;
  for (let row = 0; row < to.rows; row++) {
    const source = nearestIndex(row, from.rows, to.rows) * from.columns * channels;
    for (let column = 0; column < to.columns; column++) {
      const start = source + offsets[column]!;
      for (let c = 0; c < channels; c++) result[target++] = data[start + c]!;
    }
  }
  return result;
}

function nearestIndex(index: number, from: number, to: number): number {
  return Math.min(Math.floor(((index + 0.5) * from) / to), from - 1);
}

function requireResizable(data: PixelArray, from: GridSize, to: GridSize, channels: number): void {
  requireGridLength("Resize", data.length, from, channels);
  if (Number.isInteger(to.columns) && Number.isInteger(to.rows) && to.columns > 0 && to.rows > 0) return;
  throw new RefineError("shape-mismatch", `Resize: cannot make an image of ${to.columns} columns x ${to.rows} rows.`, {
    hint: "Columns and rows must be positive integers.",
  });
}
